-- One page of a member's entries, with the head at the same instant.
--
-- KEYS  1 part, 2 member
-- ARGV  1 epoch candidate, 2 run_id, 3 after: epoch ('' = none), 4 its generation, 5 its sequence, 6 its chain, 7 pending only 0|1,
--       8 from, 9 limit, 10 bytes at most (of entry text), 11 sequences to look at at most
-- Answer  {epoch, generation, last sequence, chain, continuity, scanned to, then sequence and entry text in turn}
--
-- It writes only the incarnation. Not flagged (no `#!lua` line), so that a Redis that refuses writes (out of memory, failing disk) still
-- answers reads. Bounded by what it looks at, not only by what it finds: a long log takes many short calls instead of one long one.

local epoch, generation = incarnation(KEYS[1], ARGV[1], ARGV[2], false)
local after_epoch, after_generation, after, after_chain = ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local pending_only = ARGV[7] == '1'
local from, limit, most_bytes, most_looked = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])
local now = now_ms()

local head = redis.call('HMGET', KEYS[2], 's', 'c', 'n', 'lo', 'f')
local top, chain, pending = tonumber(head[1] or 0), head[2] or '', tonumber(head[3] or 0)
local lowest_pending, floor = tonumber(head[4] or 1), tonumber(head[5] or 1)
if pending == 0 then lowest_pending = top + 1 end

-- The fingerprint is compared whatever the generation says, as long as the entry is remembered: it costs one read and proves more.
local continuity = 'kept'
if after_epoch ~= '' then
  if after_epoch ~= epoch then
    continuity = 'lost'
  elseif after > top then
    continuity = 'rewound'
  elseif after == top then
    if after_chain ~= chain then continuity = 'rewound' end
  elseif after > 0 then
    local there = redis.call('HGET', KEYS[2], 'q' .. text_of(after))
    if there then
      if string.match(there, '^%u|(%x*)|') ~= after_chain then continuity = 'rewound' end
    elseif after_generation ~= generation then
      continuity = 'rewound'
    end
  end
end
if after_epoch == '' or continuity ~= 'kept' then after = 0 end

local position = math.max(from, floor - 1)
if pending_only then
  position = math.max(position, lowest_pending - 1)
else
  position = math.max(position, math.min(lowest_pending - 1, after))
end

local answer = { epoch, generation, text_of(top), chain, continuity, '' }
local found, bytes, looked = 0, 0, 0
while position < top and found < limit and bytes < most_bytes and looked < most_looked do
  local fields = {}
  for sequence = position + 1, math.min(position + 64, top) do table.insert(fields, 'q' .. text_of(sequence)) end
  local entries = redis.call('HMGET', KEYS[2], unpack(fields))
  for index = 1, #fields do
    local entry = entries[index]
    if entry then
      local state, expires = judge(entry)
      local wanted = (state == 'P' and expires > now) or (state == 'A' and not pending_only and position + 1 > after)
      -- The first one always fits, or a reader would never get past it.
      if wanted and found > 0 and bytes + #entry > most_bytes then
        bytes = most_bytes
        break
      end
      if wanted then
        table.insert(answer, text_of(position + 1))
        table.insert(answer, entry)
        found, bytes = found + 1, bytes + #entry
      end
    end
    position, looked = position + 1, looked + 1
    if found >= limit or bytes >= most_bytes then break end
  end
end
answer[6] = text_of(math.max(position, from))
return answer
