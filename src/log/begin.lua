#!lua
-- Gives a hash tag a position for a Kafka partition.
--
-- KEYS  1 part
-- ARGV  1 position field, 2 offset, 3 epoch candidate, 4 run_id, 5 'begin' (keep a position that is there) | 'restart' (replace it)
-- Answer  the position that now stands
--
-- The epoch comes first: a position without one would be taken for another epoch's by the next script.

local restart = ARGV[5] == 'restart'
incarnation(KEYS[1], ARGV[3], ARGV[4], restart)
if restart then
  redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
else
  redis.call('HSETNX', KEYS[1], ARGV[1], ARGV[2])
end
return redis.call('HGET', KEYS[1], ARGV[1])
