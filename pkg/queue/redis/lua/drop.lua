-- KEYS: events, size, dead. ARGV: IDs of dead letters.
local events, bytes = 0, 0
for i = 1, #ARGV do
  local letter = redis.call('XRANGE', KEYS[3], ARGV[i], ARGV[i])[1]
  if letter then
    redis.call('XDEL', KEYS[3], ARGV[i])
    for j = 1, #letter[2], 2 do
      if letter[2][j] == 'b' then bytes = bytes + letter[2][j + 1] end
    end
    events = events + 1
  end
end
if events > 0 then
  redis.call('HINCRBY', KEYS[2], 'dead', 0 - events)
  redis.call('HINCRBY', KEYS[2], 'dead_bytes', 0 - bytes)
end
return events
