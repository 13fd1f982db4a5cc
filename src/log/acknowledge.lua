#!lua flags=allow-oom
-- Closes entries of one member.
--
-- KEYS  1 member, 2 due
-- ARGV  1 member id, 2 bell channel, 3 ms an acknowledged entry is kept for, 4 how many are kept, 5 ms to which housekeeping is coalesced,
--       6 how many account texts follow (-1 = every account), the account texts, the ids (some hundreds at most)
-- Answer  one letter per id: A acknowledged now, B was already, U unknown
--
-- Allowed when out of memory: acknowledging is what lets memory go. All reads come before the one HSET that closes entries and counts
-- them; housekeeping is told after it, the doorbell rings last.

local member, due = KEYS[1], KEYS[2]
local keep_for, keep_most, coalesce = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local account_count = tonumber(ARGV[6])
local accounts = {}
for index = 7, 6 + account_count do accounts[ARGV[index]] = true end
local first_id = 7 + math.max(account_count, 0)

local now = now_ms()
local head = redis.call('HMGET', member, 's', 'n', 'lo', 'a')
local top, pending, lowest, kept = tonumber(head[1] or 0), tonumber(head[2] or 0), tonumber(head[3] or 1), tonumber(head[4] or 0)

local answer, rung, writes, closed = {}, {}, {}, {}
for index = first_id, #ARGV do
  local id, letter = ARGV[index], 'U'
  local sequence = redis.call('HGET', member, 'i' .. id)
  local entry = sequence and redis.call('HGET', member, 'q' .. sequence)
  if entry then
    local state, chain, refed, expires, rest = string.match(entry, '^(%u)|(%x*)|(%d)|(%-?%d+)|%d+|(.*)$')
    local account = string.match(rest, '^%d+|[^|]*|([^|]*)|')
    local allowed = account_count < 0 or account == '' or accounts[account]
    if allowed and (state == 'A' or state == 'T') then
      letter = 'B'
    elseif allowed and state == 'P' and tonumber(expires) > now then
      letter = 'A'
      if not closed[sequence] then
        closed[sequence] = true
        pending, kept = pending - 1, kept + 1
        table.insert(writes, 'q' .. sequence)
        table.insert(writes, 'A|' .. chain .. '|' .. refed .. '|' .. expires .. '|' .. text_of(now) .. '|' .. rest)
        table.insert(rung, id)
      end
    end
  end
  table.insert(answer, letter)
end

if #rung > 0 then
  -- A bounded walk: where it stops early, reads only look at a few entries more than they had to.
  local steps = 0
  while pending > 0 and lowest <= top and steps < 256 do
    local sequence = text_of(lowest)
    if not closed[sequence] then
      local entry = redis.call('HGET', member, 'q' .. sequence)
      if entry and string.sub(entry, 1, 1) == 'P' then break end
    end
    lowest, steps = lowest + 1, steps + 1
  end
  redis.call('HSET', member, 'n', text_of(pending), 'lo', text_of(lowest), 'a', text_of(kept), unpack(writes))
  local visit = kept > keep_most and now or now + keep_for
  redis.call('ZADD', due, 'LT', text_of(math.ceil(visit / coalesce) * coalesce), ARGV[1])
  ring(ARGV[2], 'A|' .. table.concat(rung, '|'))
end
return answer
