-- Where members of one hash tag stand.
--
-- KEYS  1 part, then member hashes (some hundreds at most)
-- ARGV  1 epoch candidate, 2 run_id
-- Answer  {epoch, generation, then per member last sequence and chain}
--
-- Not flagged, for the same reason as read.lua.

local epoch, generation = incarnation(KEYS[1], ARGV[1], ARGV[2], false)
local answer = { epoch, generation }
for index = 2, #KEYS do
  local head = redis.call('HMGET', KEYS[index], 's', 'c')
  table.insert(answer, head[1] or '0')
  table.insert(answer, head[2] or '')
end
return answer
