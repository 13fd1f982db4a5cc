-- Members of one hash tag for which housekeeping has something to do by now.
--
-- KEYS  1 due
-- ARGV  1 how many at most
-- Answer  member ids, the longest overdue first
--
-- A script only for the clock: every instant in the log is Redis's own, whatever the clocks of its clients say.

return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', text_of(now_ms()), 'LIMIT', 0, ARGV[1])
