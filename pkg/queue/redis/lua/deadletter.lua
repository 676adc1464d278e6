-- KEYS: events, size, dead. ARGV: group, consumer, id, n, b, q, r, k, and of each
-- part its b and e. Without parts the entry can't be read, and its text becomes the
-- dead letter. Does nothing if the entry is finished or another consumer has it.
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return 0 end
local parts = {}
for i = 9, #ARGV, 2 do parts[#parts + 1] = {ARGV[i], ARGV[i + 1]} end
if #parts == 0 then
  local entry = redis.call('XRANGE', KEYS[1], ARGV[3], ARGV[3])[1]
  if entry then
    local text
    for i = 1, #entry[2], 2 do
      if entry[2][i] == 'e' then text = entry[2][i + 1] end
    end
    text = text or table.concat(entry[2], ' ')
    parts[1] = {#text, text}
  end
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[3])
if redis.call('XDEL', KEYS[1], ARGV[3]) == 0 then return 0 end
local bytes = 0
for _, part in ipairs(parts) do
  redis.call('XADD', KEYS[3], '*', 'r', ARGV[7], 'q', ARGV[6], 'k', ARGV[8], 'b', part[1], 'e', part[2])
  bytes = bytes + part[1]
end
redis.call('HINCRBY', KEYS[2], 'events', 0 - ARGV[4])
redis.call('HINCRBY', KEYS[2], 'bytes', 0 - ARGV[5])
redis.call('HINCRBY', KEYS[2], 'entries', -1)
-- An empty stream has size zero, whatever entries made by hand say of themselves.
if redis.call('XLEN', KEYS[1]) == 0 then
  local left = redis.call('HMGET', KEYS[2], 'events', 'bytes', 'entries')
  redis.call('HINCRBY', KEYS[2], 'events', 0 - (left[1] or 0))
  redis.call('HINCRBY', KEYS[2], 'bytes', 0 - (left[2] or 0))
  redis.call('HINCRBY', KEYS[2], 'entries', 0 - (left[3] or 0))
end
redis.call('HINCRBY', KEYS[2], 'dead', #parts)
redis.call('HINCRBY', KEYS[2], 'dead_bytes', bytes)
return #parts
