-- KEYS: events. ARGV: group, consumer, start, count, and whether this is a new
-- delivery. Returns where to continue, and of each entry its ID, the delivery count
-- and the fields.
local found = {''}
for _, pending in ipairs(redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], '+', ARGV[4], ARGV[2])) do
  local entry, deliveries = nil, pending[4]
  if ARGV[5] == '1' then
    entry = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, pending[1])[1]
    deliveries = deliveries + 1
  else
    entry = redis.call('XRANGE', KEYS[1], pending[1], pending[1])[1]
  end
  found[1] = '(' .. pending[1]
  if entry then found[#found + 1] = {pending[1], deliveries, entry[2]} end
end
return found
