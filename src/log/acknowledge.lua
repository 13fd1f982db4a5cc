#!lua flags=allow-oom
-- Closes entries of one member.
--
-- KEYS  1 member, 2 due
-- ARGV  1 member id, 2 bell channel, 3 ms an acknowledged entry is kept for, 4 how many are kept, 5 ms to which housekeeping is coalesced,
--       6 how many account texts follow (-1 = every account), the account texts, the ids (some hundreds at most)
-- Answer  one letter per id: A acknowledged now, B was already, U unknown
--
-- Allowed when out of memory: acknowledging is what lets memory go. All reads come before the writes: housekeeping is told, one HSET
-- closes entries and counts them, the doorbell rings last.

local member, due = KEYS[1], KEYS[2]
local keep_for, keep_most, coalesce = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local account_count = tonumber(ARGV[6])
local accounts = {}
for index = 7, 6 + account_count do accounts[ARGV[index]] = true end
local first_id = 7 + math.max(account_count, 0)

local now = now_ms()
local head = redis.call('HMGET', member, 's', 'n', 'lo', 'a', 'v')
local top, pending, lowest, kept = tonumber(head[1] or 0), tonumber(head[2] or 0), tonumber(head[3] or 1), tonumber(head[4] or 0)

local acknowledged_now = 'A%1' .. text_of(now)
local answer, rung, writes, closed = {}, {}, {}, {}
for index = first_id, #ARGV do
  local id, letter = ARGV[index], 'U'
  local sequence = redis.call('HGET', member, 'i' .. id)
  local entry = sequence and redis.call('HGET', member, 'q' .. sequence)
  if entry then
    local state, expires, account = string.match(entry, '^(%u)|%x*|%d|(%-?%d+)|%d+|%d+|[^|]*|([^|]*)|')
    local allowed = account_count < 0 or account == '' or accounts[account]
    if allowed and (state == 'A' or state == 'T') then
      letter = 'B'
    elseif allowed and state == 'P' and tonumber(expires) > now then
      letter = 'A'
      if not closed[sequence] then
        closed[sequence] = true
        pending, kept = pending - 1, kept + 1
        table.insert(writes, 'q' .. sequence)
        -- Not taken apart: Lua hashes every string it makes, a payload in about a microsecond.
        table.insert(writes, (string.gsub(entry, '^P(|%x*|%d|%-?%d+|)%d+', acknowledged_now, 1)))
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
  if pending == 0 then lowest = top + 1 end
  local visit = math.ceil((kept > keep_most and now or now + keep_for) / coalesce) * coalesce
  if is_news(visit, head[5], now) then
    redis.call('ZADD', due, 'LT', text_of(visit), ARGV[1])
    writes[#writes + 1] = 'v'
    writes[#writes + 1] = text_of(visit)
  end
  redis.call('HSET', member, 'n', text_of(pending), 'lo', text_of(lowest), 'a', text_of(kept), unpack(writes))
  ring(ARGV[2], 'A|' .. table.concat(rung, '|'))
end
return answer
