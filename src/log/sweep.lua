#!lua flags=allow-oom
-- Housekeeping over a stretch of one member's log: finds what expired while pending, drops payloads past retention, forgets ids.
--
-- KEYS  1 part, 2 due, 3 member, 4 reaper lease
-- ARGV  1 lease token, 2 lease ms, 3 member id, 4 continue behind this sequence, 5 marker and 6 earliest next visit as answered by the
--       call before ('' at first), 7 ms an acknowledged entry is kept for, 8 how many are kept, 9 ms ids are remembered for,
--       10 ms to which visits are coalesced, 11 sequences to look at, 12 expired entries at most, 13 their bytes at most
-- Answer  {} when the lease is another's, else {next ARGV 4, next ARGV 5, next ARGV 6, done 0|1, trimmed, forgotten, epoch, generation,
--         then sequence and entry text of the expired in turn}
--
-- The first call moves the member's visit half a minute away (the marker): a reaper that dies half way is followed by another. The last
-- one sets the real next visit, unless an append or an acknowledgement asked for an earlier one meanwhile. Expired entries are only
-- reported: bury.lua closes them once they are dead letters.
-- The hash itself stays when all of its entries are forgotten, with last sequence and fingerprint (some 60 bytes per member ever seen):
-- a member who began again at 1 would make cursors of before look valid.

local part, due, member, lease = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local keep_for, keep_most, remember_for = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local coalesce, most_looked, most_expired, most_bytes = tonumber(ARGV[10]), tonumber(ARGV[11]), tonumber(ARGV[12]), tonumber(ARGV[13])

if redis.call('GET', lease) ~= ARGV[1] then return {} end
redis.call('PEXPIRE', lease, ARGV[2])

local function plan(instant)
  redis.call('ZADD', due, text_of(instant), ARGV[3])
  redis.call('HSET', member, 'v', text_of(instant))
end

local now = now_ms()
local marker, visit = tonumber(ARGV[5]), tonumber(ARGV[6])
if not marker then
  marker = now + 30000
  plan(marker)
end
local function visit_at(instant, exact)
  if not exact then instant = math.ceil(instant / coalesce) * coalesce end
  if not visit or instant < visit then visit = instant end
end

local head = redis.call('HMGET', member, 's', 'f', 'a')
local top, floor, kept = tonumber(head[1] or 0), tonumber(head[2] or 1), tonumber(head[3] or 0)
local position = math.max(tonumber(ARGV[4]), floor - 1)
local writes, gone, expired = {}, {}, {}
local looked, trimmed, bytes = 0, 0, 0
local forgotten = 0

while position < top and looked < most_looked and #expired < most_expired * 2 and bytes < most_bytes do
  local sequence = text_of(position + 1)
  local entry = redis.call('HGET', member, 'q' .. sequence)
  local state, chain, refed, expires, acknowledged, appended, id, account
  if entry then
    state, chain, refed, expires, acknowledged, appended, id, account =
      string.match(entry, '^(%u)|(%x*)|(%d)|(%-?%d+)|(%d+)|(%d+)|([^|]*)|([^|]*)|')
  end
  if state == 'P' then
    visit_at(tonumber(expires), true)
    if tonumber(expires) <= now then
      table.insert(expired, sequence)
      table.insert(expired, entry)
      bytes = bytes + #entry
    end
  elseif state == 'A' then
    local until_ms = tonumber(acknowledged) + keep_for
    if until_ms <= now or kept > keep_most then
      state = 'T'
      kept, trimmed = kept - 1, trimmed + 1
      table.insert(writes, 'q' .. sequence)
      table.insert(writes, 'T|' .. chain .. '|' .. refed .. '|' .. expires .. '|' .. acknowledged .. '|' .. appended .. '|' .. id .. '|' ..
        account .. '|')
    else
      visit_at(until_ms)
    end
  end
  -- Only from the floor up, so that what is remembered stays one stretch and scans know where to begin.
  if floor == position + 1 and (state == nil or state == 'T' or state == 'X') then
    local until_ms = state and tonumber(appended) + remember_for or 0
    if until_ms <= now then
      floor = floor + 1
      if state then
        forgotten = forgotten + 1
        table.insert(gone, 'q' .. sequence)
        table.insert(gone, 'i' .. id)
      end
    else
      visit_at(until_ms)
    end
  end
  position, looked = position + 1, looked + 1
end

-- Written before deleted: what is both trimmed and forgotten in one call must end deleted.
if trimmed > 0 then redis.call('HSET', member, 'a', text_of(kept), unpack(writes)) end
if #gone > 0 then redis.call('HDEL', member, unpack(gone)) end
if floor > tonumber(head[2] or 1) then redis.call('HSET', member, 'f', text_of(floor)) end

local done = position >= top
if done then
  local planned = tonumber(redis.call('ZSCORE', due, ARGV[3]) or nil)
  if planned and planned ~= marker and (not visit or planned < visit) then visit = planned end
  if visit then
    plan(visit)
  else
    redis.call('ZREM', due, ARGV[3])
    redis.call('HDEL', member, 'v')
  end
end
local epoch = redis.call('HMGET', part, 'e', 'g')
local answer = {
  text_of(position), text_of(marker), visit and text_of(visit) or '', done and 1 or 0, trimmed, forgotten, epoch[1] or '', epoch[2] or '0'
}
for _, value in ipairs(expired) do table.insert(answer, value) end
return answer
