-- KEYS: events, size. ARGV: group, and of each entry its id, n and b.
local events, bytes, entries = 0, 0, 0
for i = 2, #ARGV, 3 do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 then
    events = events + ARGV[i + 1]
    bytes = bytes + ARGV[i + 2]
    entries = entries + 1
  end
end
if entries > 0 then
  redis.call('HINCRBY', KEYS[2], 'events', 0 - events)
  redis.call('HINCRBY', KEYS[2], 'bytes', 0 - bytes)
  redis.call('HINCRBY', KEYS[2], 'done', events)
  redis.call('HINCRBY', KEYS[2], 'entries', 0 - entries)
end
-- An empty stream has size zero, whatever entries made by hand say of themselves.
if redis.call('XLEN', KEYS[1]) == 0 then
  local left = redis.call('HMGET', KEYS[2], 'events', 'bytes', 'entries')
  redis.call('HINCRBY', KEYS[2], 'events', 0 - (left[1] or 0))
  redis.call('HINCRBY', KEYS[2], 'bytes', 0 - (left[2] or 0))
  redis.call('HINCRBY', KEYS[2], 'entries', 0 - (left[3] or 0))
end
return events
