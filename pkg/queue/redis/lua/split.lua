-- KEYS: events, size. ARGV: group, consumer, id, n, b, q, and of each part its d, b,
-- e. Does nothing if the entry is finished or another consumer has it.
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return 0 end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
if redis.call('XDEL', KEYS[1], ARGV[3]) == 0 then return 0 end
local events, bytes = 0 - ARGV[4], 0 - ARGV[5]
for i = 7, #ARGV, 3 do
  redis.call('XADD', KEYS[1], '*', 'd', ARGV[i], 'n', 1, 'b', ARGV[i + 1], 'q', ARGV[6], 'e', ARGV[i + 2])
  events = events + 1
  bytes = bytes + ARGV[i + 1]
end
redis.call('HINCRBY', KEYS[2], 'events', events)
redis.call('HINCRBY', KEYS[2], 'bytes', bytes)
redis.call('HINCRBY', KEYS[2], 'entries', (#ARGV - 6) / 3 - 1)
return 1
