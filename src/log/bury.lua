#!lua flags=allow-oom
-- Closes expired entries that now are dead letters: the payload goes, the id stays known.
--
-- KEYS  1 member
-- ARGV  sequence and id in turn (some hundreds at most)
-- Answer  how many were closed
--
-- Looks again before it closes: another reaper may have been faster, and after a loss of data the sequence can be another event's, which is
-- no dead letter yet. One HSET closes and counts together.

local now = now_ms()
local head = redis.call('HMGET', KEYS[1], 's', 'n', 'lo')
local top, pending, lowest = tonumber(head[1] or 0), tonumber(head[2] or 0), tonumber(head[3] or 1)
local writes, buried = {}, 0
for at = 1, #ARGV, 2 do
  local sequence = ARGV[at]
  local entry = redis.call('HGET', KEYS[1], 'q' .. sequence)
  if entry then
    local state, chain, refed, expires, appended, id = string.match(entry, '^(%u)|(%x*)|(%d)|(%-?%d+)|%d+|(%d+)|([^|]*)|')
    if state == 'P' and id == ARGV[at + 1] and tonumber(expires) <= now then
      buried, pending = buried + 1, pending - 1
      if tonumber(sequence) == lowest then lowest = lowest + 1 end
      table.insert(writes, 'q' .. sequence)
      table.insert(writes, 'X|' .. chain .. '|' .. refed .. '|' .. expires .. '|0|' .. appended .. '|' .. id .. '||')
    end
  end
end
if pending == 0 then lowest = top + 1 end
if buried > 0 then redis.call('HSET', KEYS[1], 'n', text_of(pending), 'lo', text_of(lowest), unpack(writes)) end
return buried
