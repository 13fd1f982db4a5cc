#!lua
-- Applies parcels: records of one Kafka partition whose members share one hash tag, and the tag's next position. Several parcels are of
-- several tags, which only a server that has them all is given. A parcel without records only moves the position.
--
-- KEYS  per parcel: part, due, its member hashes, its latest keys of best-effort records
-- ARGV  1 position field, 2 epoch candidate, 3 run_id, 4 crowded above, 5 ms to keep the latest for, 6 number of parcels; then per parcel:
--       from ('' = the writer has no belief), to, lowest offset of its records, rewound 0|1, bell prefix, number of members, of latest keys,
--       of arguments that follow:
--         per member: its id, number of records, earliest expiresAt ('' = no critical record); then 5 per record:
--           latest index (0 = critical), offset, id, what stands before and what behind instant and id of the append in the entry text
--           (of a best-effort record: '' and event JSON)
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
local instant = now_ms()
local now = text_of(instant)
local function never() return false end

-- The doorbell's message of a best-effort record, or nil when the newest of its channel is this one already.
local function pass_by(key, id, json)
  local known = call('GET', key)
  if known and string.match(known, '^([^|]*)|') == id then return nil end
  call('SET', key, id .. '|' .. json, 'PX', latest_for)
  return 'B|' .. json
end

-- Records of one member. `latest` is where the parcel's latest keys begin.
local function apply_records(tag, member, key, expiry, first, last, latest)
  local asked, rings = nil, {}
  for at = first, last, 5 do
    if ARGV[at] == '0' and not tag.is_stale(at) then
      asked = asked or { 's', 'c', 'n', 'v' }
      asked[#asked + 1] = 'i' .. ARGV[at + 2]
    end
  end
  local known = asked and call('HMGET', key, unpack(asked)) or {}
  local sequence, chain, pending = tonumber(known[1] or 0), known[2] or '', tonumber(known[3] or 0)
  local number, writes, count, fresh, answered = nil, { 's', '', 'c', '', 'n', '' }, 6, {}, 4

  for at = first, last, 5 do
    local id = ARGV[at + 2]
    if tag.is_stale(at) then
      tag.stale = tag.stale + 1
    elseif ARGV[at] ~= '0' then
      local message = pass_by(KEYS[latest + tonumber(ARGV[at])], id, ARGV[at + 4])
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
        number = text_of(sequence)
        local text = 'P|' .. chain .. '|' .. ARGV[at + 3] .. now .. '|' .. id .. '|' .. ARGV[at + 4]
        writes[count + 1], writes[count + 2], writes[count + 3], writes[count + 4] = 'q' .. number, text, 'i' .. id, number
        count = count + 4
        rings[#rings + 1] = tag.entry .. number .. '|' .. text
      end
    end
  end

  if number then
    writes[2], writes[4], writes[6] = number, chain, text_of(pending)
    if is_news(expiry, known[4], instant) then
      call('ZADD', tag.due, 'LT', expiry, member)
      writes[count + 1], writes[count + 2] = 'v', expiry
    end
    call('HSET', key, unpack(writes))
  end
  for index = 1, #rings do ring(tag.bell .. member, rings[index]) end
end

local function apply(key, at)
  local part, from, to = KEYS[key], tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  local epoch, generation, stored = incarnation(part, candidate, run_id, ARGV[at + 3] == '1', field)
  stored = tonumber(stored or nil)
  if not stored then return { 'GAP', '' } end
  if not from or stored < from then return { 'GAP', text_of(stored) } end

  local tag = {
    due = KEYS[key + 1], bell = ARGV[at + 4], entry = 'E|' .. epoch .. '|' .. generation .. '|',
    -- Mostly none is.
    is_stale = tonumber(ARGV[at + 2]) >= stored and never or function(record) return tonumber(ARGV[record + 1]) < stored end,
    appended = 0, duplicates = 0, stale = 0, crowded = 0,
  }
  local members = tonumber(ARGV[at + 5])
  local argument = at + 8
  for member = 1, members do
    local first, records = argument + 3, tonumber(ARGV[argument + 1])
    argument = first + 5 * records
    apply_records(tag, ARGV[first - 3], KEYS[key + 1 + member], ARGV[first - 1], first, argument - 1, key + 1 + members)
  end

  local position = text_of(math.max(stored, to))
  call('HSET', part, field, position)
  return { 'OK', position, tag.appended, tag.duplicates, tag.stale, tag.crowded }
end

local answers, key, at = {}, 1, 7
for parcel = 1, tonumber(ARGV[6]) do
  local done, answer = pcall(apply, key, at)
  answers[parcel] = done and answer or redis.error_reply(type(answer) == 'table' and answer.err or tostring(answer))
  key = key + 2 + tonumber(ARGV[at + 5]) + tonumber(ARGV[at + 6])
  at = at + 8 + tonumber(ARGV[at + 7])
end
return answers
