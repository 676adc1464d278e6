-- KEYS: events. ARGV: group, consumer, IDs. Resets the idle time of the entries that
-- the consumer still has, and returns their IDs. JUSTID keeps the delivery count.
local mine = {}
for i = 3, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1 and
     #redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID') == 1 then
    mine[#mine + 1] = ARGV[i]
  end
end
return mine
