-- KEYS: events. ARGV: group, consumer, idle in ms, count. Returns entries of other
-- consumers, as recover does. XAUTOCLAIM would also take the consumer's own, and does
-- not return the delivery count.
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
  if #idle < tonumber(ARGV[4]) then return found end
end
return found
