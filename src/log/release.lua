#!lua flags=allow-oom
-- Gives a reaper lease back, unless it ran out and is another's by now.
--
-- KEYS  1 reaper lease
-- ARGV  1 lease token
-- Answer  1 when it was ours

if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
