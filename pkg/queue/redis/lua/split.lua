-- KEYS: events, size. ARGV: group, id, n, b, q, and of each part its d, b, e.
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if redis.call('XDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
local events, bytes = 0 - ARGV[3], 0 - ARGV[4]
for i = 6, #ARGV, 3 do
  redis.call('XADD', KEYS[1], '*', 'd', ARGV[i], 'n', 1, 'b', ARGV[i + 1], 'q', ARGV[5], 'e', ARGV[i + 2])
  events = events + 1
  bytes = bytes + ARGV[i + 1]
end
redis.call('HINCRBY', KEYS[2], 'events', events)
redis.call('HINCRBY', KEYS[2], 'bytes', bytes)
return 1
