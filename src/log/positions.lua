#!lua flags=no-writes
-- One field of many hashes: where a partition stands in every hash tag, each second for each partition, in one command instead of hundreds.
--
-- KEYS  hashes of any hash tags; only for a server that has them all
-- ARGV  1 field
-- Answer  per key its value, or nil

local answer = {}
for index, key in ipairs(KEYS) do answer[index] = redis.call('HGET', key, ARGV[1]) end
return answer
