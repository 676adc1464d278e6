-- KEYS: events, size, dead. ARGV: group. Deletes all queued events and returns how
-- many there were. Keys of another type are deleted, because nothing works with them.
-- XTRIM keeps the last ID, so that later entries have higher ones.
-- include follow.lua
for i, kind in ipairs({'stream', 'hash', 'stream'}) do
  local found = redis.call('TYPE', KEYS[i]).ok
  if found ~= kind and found ~= 'none' then redis.call('DEL', KEYS[i]) end
end
local events = follow(KEYS[1], KEYS[2], KEYS[3])[1]
if redis.call('EXISTS', KEYS[1]) == 1 then
  redis.call('XTRIM', KEYS[1], 'MAXLEN', 0)
  -- Entries that were delivered stay pending otherwise.
  redis.call('XGROUP', 'DESTROY', KEYS[1], ARGV[1])
  redis.call('XGROUP', 'CREATE', KEYS[1], ARGV[1], '0')
  redis.call('HSET', KEYS[2], 'events', 0, 'bytes', 0, 'entries', 0)
end
return events
