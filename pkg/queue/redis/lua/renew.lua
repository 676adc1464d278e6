-- KEYS: events. ARGV: group, consumer, ids. Answers those that are still the
-- consumer's, and makes them look as if just given to it. JUSTID leaves the
-- delivery count as it is, which reading the history would raise.
local mine = {}
for i = 3, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1 and
     #redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID') == 1 then
    mine[#mine + 1] = ARGV[i]
  end
end
return mine
