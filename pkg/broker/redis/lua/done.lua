-- KEYS: events, size. ARGV: group, and of each entry its id, n and b.
local events, bytes = 0, 0
for i = 2, #ARGV, 3 do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 then
    events = events + ARGV[i + 1]
    bytes = bytes + ARGV[i + 2]
  end
end
if events ~= 0 or bytes ~= 0 then
  redis.call('HINCRBY', KEYS[2], 'events', 0 - events)
  redis.call('HINCRBY', KEYS[2], 'bytes', 0 - bytes)
  redis.call('HINCRBY', KEYS[2], 'done', events)
end
return events
