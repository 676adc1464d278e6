-- KEYS: events, size, dead. ARGV: of each dead letter its id and a new d.
local events, bytes = 0, 0
for i = 1, #ARGV, 2 do
  local letter = redis.call('XRANGE', KEYS[3], ARGV[i], ARGV[i])[1]
  if letter then
    local f = {}
    for j = 1, #letter[2], 2 do f[letter[2][j]] = letter[2][j + 1] end
    -- A dead letter that was written by hand may lack fields.
    f.b, f.e, f.q = f.b or 0, f.e or '', f.q or string.match(ARGV[i], '^%d+')
    redis.call('XDEL', KEYS[3], ARGV[i])
    redis.call('XADD', KEYS[1], '*', 'd', ARGV[i + 1], 'n', 1, 'b', f.b, 'q', f.q, 'e', f.e)
    events = events + 1
    bytes = bytes + f.b
  end
end
if events > 0 then
  redis.call('HINCRBY', KEYS[2], 'events', events)
  redis.call('HINCRBY', KEYS[2], 'bytes', bytes)
  redis.call('HINCRBY', KEYS[2], 'entries', events)
  redis.call('HINCRBY', KEYS[2], 'dead', 0 - events)
  redis.call('HINCRBY', KEYS[2], 'dead_bytes', 0 - bytes)
end
return events
