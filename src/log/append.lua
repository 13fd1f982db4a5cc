#!lua
-- Applies records of one Kafka partition whose members share one hash tag, and moves the tag's position. Without records: only moves it.
--
-- KEYS  1 part, 2 due, then M member hashes, then the latest keys of best-effort records
-- ARGV  1 position field, 2 from ('' = the writer has no belief), 3 to, 4 epoch candidate, 5 run_id, 6 rewound 0|1, 7 crowded above,
--       8 bell prefix, 9 ms to keep the latest for, 10 M, then M member ids, then 8 per record:
--       member index, latest index (0 = critical), offset, id, refed 0|1, expiresAt, account text, event JSON
-- Answer  {'OK', position, appended, duplicates, stale, crowded} | {'GAP', stored position or ''}
--
-- Order of the steps, because a script that fails is not rolled back:
--   1. The gap check: below `from` the log lost what it had, so nothing may be written on top.
--   2. Every read. Whatever can fail (a key of another type) fails here, before the first write. Out of memory is refused before the
--      script starts: it is not flagged allow-oom.
--   3. Per member one HSET with entries, ids, counters together: there is no instant with an id and no entry.
--   4. The position. If the process died before it, the same records come again and are known ids.
--   5. The doorbells: who hears one finds the entry.

local part, due = KEYS[1], KEYS[2]
local field, from, to = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local crowded_above, bell, latest_for = tonumber(ARGV[7]), ARGV[8], ARGV[9]
local member_count = tonumber(ARGV[10])
local first_record = 11 + member_count

local epoch, generation = incarnation(part, ARGV[4], ARGV[5], ARGV[6] == '1')
local stored = tonumber(redis.call('HGET', part, field) or nil)
if not stored then return { 'GAP', '' } end
if not from or stored < from then return { 'GAP', text_of(stored) } end

local now = now_ms()
local appended, duplicates, stale, crowded = 0, 0, 0, 0
local critical, passing, rings = {}, {}, {}

redis.call('ZCARD', due)
for at = first_record, #ARGV, 8 do
  local member, latest, id = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), ARGV[at + 3]
  if tonumber(ARGV[at + 2]) < stored then
    stale = stale + 1
  elseif latest > 0 then
    local key = KEYS[2 + member_count + latest]
    if passing[key] == nil then
      local known = redis.call('GET', key)
      passing[key] = { id = known and string.match(known, '^([^|]*)|') or '' }
    end
    if passing[key].id == id then
      duplicates = duplicates + 1
    else
      passing[key].id = id
      passing[key].text = id .. '|' .. ARGV[at + 7]
      rings[at] = 'B|' .. ARGV[at + 7]
      appended = appended + 1
    end
  else
    local group = critical[member]
    if not group then
      group = { asked = { 's', 'c', 'n' }, records = {} }
      critical[member] = group
    end
    table.insert(group.asked, 'i' .. id)
    table.insert(group.records, at)
  end
end
for member, group in pairs(critical) do
  group.known = redis.call('HMGET', KEYS[2 + member], unpack(group.asked))
end

for member, group in pairs(critical) do
  local known = group.known
  local sequence, chain, pending = tonumber(known[1] or 0), known[2] or '', tonumber(known[3] or 0)
  local fresh, writes, expiry = {}, {}, nil
  if pending == 0 then writes = { 'lo', text_of(sequence + 1) } end
  if sequence == 0 then table.insert(writes, 'f'); table.insert(writes, 1) end
  local before = appended
  for index, at in ipairs(group.records) do
    local id, expires = ARGV[at + 3], tonumber(ARGV[at + 5])
    if known[3 + index] or fresh[id] then
      duplicates = duplicates + 1
    else
      fresh[id] = true
      sequence, pending, appended = sequence + 1, pending + 1, appended + 1
      if pending > crowded_above then crowded = crowded + 1 end
      chain = string.sub(redis.sha1hex(chain .. id), 1, 8)
      local number = text_of(sequence)
      local text = 'P|' .. chain .. '|' .. ARGV[at + 4] .. '|' .. ARGV[at + 5] .. '|0|' .. text_of(now) .. '|' .. id .. '|' ..
        ARGV[at + 6] .. '|' .. ARGV[at + 7]
      table.insert(writes, 'q' .. number); table.insert(writes, text)
      table.insert(writes, 'i' .. id); table.insert(writes, number)
      rings[at] = 'E|' .. epoch .. '|' .. generation .. '|' .. number .. '|' .. text
      if not expiry or expires < expiry then expiry = expires end
    end
  end
  if appended > before then
    redis.call('HSET', KEYS[2 + member], 's', text_of(sequence), 'c', chain, 'n', text_of(pending), unpack(writes))
    redis.call('ZADD', due, 'LT', text_of(expiry), ARGV[10 + member])
  end
end
for key, latest in pairs(passing) do
  if latest.text then redis.call('SET', key, latest.text, 'PX', latest_for) end
end

local position = math.max(stored, to)
redis.call('HSET', part, field, text_of(position))

for at = first_record, #ARGV, 8 do
  if rings[at] then ring(bell .. ARGV[10 + tonumber(ARGV[at])], rings[at]) end
end
return { 'OK', text_of(position), appended, duplicates, stale, crowded }
