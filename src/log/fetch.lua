-- Single entries as they are now.
--
-- KEYS  1 part, 2 member
-- ARGV  1 epoch candidate, 2 run_id, then sequences (some hundreds at most)
-- Answer  {epoch, generation, then per sequence its entry text, or '' where there is none to read}
--
-- Not flagged, for the same reason as read.lua.

local epoch, generation = incarnation(KEYS[1], ARGV[1], ARGV[2], false)
local now = now_ms()
local answer, fields = { epoch, generation }, {}
for index = 3, #ARGV do table.insert(fields, 'q' .. ARGV[index]) end
for _, entry in ipairs(redis.call('HMGET', KEYS[2], unpack(fields))) do
  local state, expires
  if entry then state, expires = judge(entry) end
  table.insert(answer, (state == 'A' or (state == 'P' and expires > now)) and entry or '')
end
return answer
