#!lua
-- Applies parcels: records of one Kafka partition whose members share one hash tag, and the tag's next position. Several parcels are of
-- several tags, which only a server that has them all is given. A parcel without records only moves the position.
--
-- KEYS  per parcel: part, due, its member hashes, its latest keys of best-effort records
-- ARGV  1 position field, 2 epoch candidate, 3 run_id, 4 crowded above, 5 ms to keep the latest for, 6 number of parcels; then per parcel:
--       from ('' = the writer has no belief), to, rewound 0|1, bell prefix, number of members, of latest keys, of arguments that follow:
--         per member: its id, number of records; then 7 per record:
--           latest index (0 = critical), offset, id, refed 0|1, expiresAt, account text, event JSON
-- Answer  per parcel {'OK', position, appended, duplicates, stale, crowded} | {'GAP', stored position or ''} | an error
--
-- Order of the steps in a parcel, because a script that fails is not rolled back:
--   1. The gap check: below `from` the log lost what it had, so nothing may be written on top.
--   2. Per member the reads, then what can fail for a key of another type, then one HSET with entries, ids, counters together: there is no
--      instant with an id and no entry. Out of memory is refused before the script starts: it is not flagged allow-oom.
--   3. The member's doorbell, at once: were a later member to fail, the records would come again as known ids, which ring nothing.
--   4. The position. If the process died before it, the same records come again and are known ids.
-- A parcel that fails leaves the others alone.

local call = redis.call
local field, candidate, run_id = ARGV[1], ARGV[2], ARGV[3]
local crowded_above, latest_for = tonumber(ARGV[4]), ARGV[5]
local now = text_of(now_ms())

-- The doorbell's message of a best-effort record, or nil when the newest of its channel is this one already.
local function pass_by(key, id, json)
  local known = call('GET', key)
  if known and string.match(known, '^([^|]*)|') == id then return nil end
  call('SET', key, id .. '|' .. json, 'PX', latest_for)
  return 'B|' .. json
end

-- Records of one member. `latest` is where the parcel's latest keys begin.
local function apply_records(tag, member, key, first, last, latest)
  local asked, rings = nil, {}
  for at = first, last, 7 do
    if ARGV[at] == '0' and tonumber(ARGV[at + 1]) >= tag.stored then
      asked = asked or { 's', 'c', 'n' }
      asked[#asked + 1] = 'i' .. ARGV[at + 2]
    end
  end
  local known = asked and call('HMGET', key, unpack(asked)) or {}
  local sequence, chain, pending = tonumber(known[1] or 0), known[2] or '', tonumber(known[3] or 0)
  local writes, fresh, expiry, answered = { 's', '', 'c', '', 'n', '' }, {}, nil, 3
  if pending == 0 then writes[7], writes[8] = 'lo', text_of(sequence + 1) end
  if sequence == 0 then writes[#writes + 1] = 'f'; writes[#writes + 1] = '1' end

  for at = first, last, 7 do
    local id, json = ARGV[at + 2], ARGV[at + 6]
    if tonumber(ARGV[at + 1]) < tag.stored then
      tag.stale = tag.stale + 1
    elseif ARGV[at] ~= '0' then
      local message = pass_by(KEYS[latest + tonumber(ARGV[at])], id, json)
      if message then rings[#rings + 1] = message; tag.appended = tag.appended + 1 else tag.duplicates = tag.duplicates + 1 end
    else
      answered = answered + 1
      if known[answered] or fresh[id] then
        tag.duplicates = tag.duplicates + 1
      else
        fresh[id] = true
        sequence, pending, tag.appended = sequence + 1, pending + 1, tag.appended + 1
        if pending > crowded_above then tag.crowded = tag.crowded + 1 end
        chain = string.sub(redis.sha1hex(chain .. id), 1, 8)
        local number, expires = text_of(sequence), ARGV[at + 4]
        local text = 'P|' .. chain .. '|' .. ARGV[at + 3] .. '|' .. expires .. '|0|' .. now .. '|' .. id .. '|' .. ARGV[at + 5] .. '|' .. json
        local count = #writes
        writes[count + 1], writes[count + 2], writes[count + 3], writes[count + 4] = 'q' .. number, text, 'i' .. id, number
        rings[#rings + 1] = 'E|' .. tag.epoch .. '|' .. tag.generation .. '|' .. number .. '|' .. text
        expires = tonumber(expires)
        if not expiry or expires < expiry then expiry = expires end
      end
    end
  end

  if expiry then
    writes[2], writes[4], writes[6] = text_of(sequence), chain, text_of(pending)
    call('ZADD', tag.due, 'LT', text_of(expiry), member)
    call('HSET', key, unpack(writes))
  end
  for index = 1, #rings do ring(tag.bell .. member, rings[index]) end
end

local function apply(key, at)
  local part, from, to = KEYS[key], tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local epoch, generation, stored = incarnation(part, candidate, run_id, ARGV[at + 2] == '1', field)
  stored = tonumber(stored or nil)
  if not stored then return { 'GAP', '' } end
  if not from or stored < from then return { 'GAP', text_of(stored) } end

  local tag = {
    due = KEYS[key + 1], bell = ARGV[at + 3], epoch = epoch, generation = generation, stored = stored,
    appended = 0, duplicates = 0, stale = 0, crowded = 0,
  }
  local members = tonumber(ARGV[at + 4])
  local argument = at + 7
  for member = 1, members do
    local first, records = argument + 2, tonumber(ARGV[argument + 1])
    argument = first + 7 * records
    apply_records(tag, ARGV[first - 2], KEYS[key + 1 + member], first, argument - 1, key + 1 + members)
  end

  local position = text_of(math.max(stored, to))
  call('HSET', part, field, position)
  return { 'OK', position, tag.appended, tag.duplicates, tag.stale, tag.crowded }
end

local answers, key, at = {}, 1, 7
for parcel = 1, tonumber(ARGV[6]) do
  local done, answer = pcall(apply, key, at)
  answers[parcel] = done and answer or redis.error_reply(type(answer) == 'table' and answer.err or tostring(answer))
  key = key + 2 + tonumber(ARGV[at + 4]) + tonumber(ARGV[at + 5])
  at = at + 7 + tonumber(ARGV[at + 6])
end
return answers
