-- Put in front of every script (behind its `#!lua` line).
--
-- Part hash, one per hash tag: `e` epoch, `g` generation, `r` run_id of the primary that last answered,
--   `off:<topic>:<partition>` = next offset to apply.
-- Member hash: `s` last sequence, `c` its chain, `n` pending entries, `lo` no pending sequence is lower (1), `f` lowest remembered sequence (1),
--   `a` acknowledged entries that still have their payload, `v` the due list has the member for no later than this (it need not be asked
--   for what comes after), `i<id>` = sequence, `q<sequence>` = entry text.
-- Entry text: state|chain|refed|expiresAt|acknowledgedAt|appendedAt|id|account|event JSON. Everything that scripts decide by stands in
--   front of the JSON, which they never parse. States: P pending, A acknowledged; T (was acknowledged) and X (was buried) have no JSON
--   any more. Instants are ms since the epoch. Neither id nor account text contains `|`.

local function now_ms()
  local time = redis.call('TIME')
  return tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
end

local function text_of(number)
  return string.format('%.0f', number)
end

-- The epoch (new when the part is empty) and the generation (one more when another primary answers than last time: it may lack a suffix).
-- A generation that cannot be stored (out of memory, read-only disk) is answered all the same: the same condition will find it again.
-- The third answer is what the part has in `field`, where one is named.
local function incarnation(part, candidate, run_id, rewound, field)
  local known = redis.call('HMGET', part, 'e', 'g', 'r', field or 'e')
  local epoch, generation = known[1], tonumber(known[2])
  if not epoch then
    redis.call('HSET', part, 'e', candidate, 'g', 1, 'r', run_id)
    return candidate, 1, known[4]
  end
  if known[3] ~= run_id or rewound then
    generation = generation + 1
    redis.pcall('HSET', part, 'g', generation, 'r', run_id)
  end
  return epoch, generation, known[4]
end

-- Whether the due list has to hear of an instant; planned is `v`. What is overdue says nothing any more: the list may have lost the member.
local function is_news(instant, planned, now)
  planned = tonumber(planned or nil)
  return not planned or planned <= now or tonumber(instant) < planned
end

-- state, expiresAt
local function judge(entry)
  local state, expires = string.match(entry, '^(%u)|%x*|%d|(%-?%d+)|')
  return state, tonumber(expires)
end

-- The one place where a doorbell is rung. In a Cluster SPUBLISH stands here: the channel carries the hash tag of the keys.
local function ring(channel, message)
  redis.call('PUBLISH', channel, message)
end
