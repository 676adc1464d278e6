-- KEYS: events. ARGV: group, consumer, idle in ms, count. Returns entries of other
-- consumers, as recover does. XAUTOCLAIM would also take the consumer's own, and does
-- not return the delivery count. If there are none, it takes entries that were
-- delivered and that no consumer has: XGROUP SETID, DELCONSUMER or XACK by hand.
local start, found = '-', {''}
for page = 1, 100 do
  local idle = redis.call('XPENDING', KEYS[1], ARGV[1], 'IDLE', ARGV[3], start, '+', ARGV[4])
  for _, pending in ipairs(idle) do
    start = '(' .. pending[1]
    if pending[2] ~= ARGV[2] then
      local entry = redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], ARGV[3], pending[1])[1]
      if entry then found[#found + 1] = {pending[1], pending[4] + 1, entry[2]} end
    end
    if #found > tonumber(ARGV[4]) then return found end
  end
  if #idle < tonumber(ARGV[4]) then break end
end
if #found > 1 then return found end
local delivered = '0-0'
for _, g in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
  local f = {}
  for i = 1, #g, 2 do f[g[i]] = g[i + 1] end
  if f.name == ARGV[1] then delivered = f['last-delivered-id'] end
end
for _, entry in ipairs(redis.call('XRANGE', KEYS[1], '-', delivered, 'COUNT', ARGV[4])) do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], entry[1], entry[1], 1) == 0 then
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, entry[1], 'FORCE')
    found[#found + 1] = {entry[1], 1, entry[2]}
  end
end
return found
