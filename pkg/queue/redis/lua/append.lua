#!lua
-- KEYS: events, size, dead. ARGV: max events, max bytes, events, bytes, and of each entry
-- its d, n, b and e. Returns whether it queued them, the backlog, and done.
-- The first line makes the server reject the script if it can't write, even without
-- an entry: a replica, a full disk, maxmemory.
-- include follow.lua
local size = follow(KEYS[1], KEYS[2], KEYS[3])
if size[1] + size[3] + tonumber(ARGV[3]) > tonumber(ARGV[1]) or size[2] + size[4] + tonumber(ARGV[4]) > tonumber(ARGV[2]) then
  return {0, size[1], size[5]}
end
for i = 5, #ARGV, 4 do
  redis.call('XADD', KEYS[1], '*', 'd', ARGV[i], 'n', ARGV[i + 1], 'b', ARGV[i + 2], 'e', ARGV[i + 3])
end
if #ARGV > 4 then
  redis.call('HINCRBY', KEYS[2], 'events', ARGV[3])
  redis.call('HINCRBY', KEYS[2], 'bytes', ARGV[4])
  redis.call('HINCRBY', KEYS[2], 'entries', (#ARGV - 4) / 4)
end
return {1, size[1], size[5]}
