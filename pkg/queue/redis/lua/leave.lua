-- KEYS: events. ARGV: group, consumer. Releases the consumer's entries: others can
-- claim them at once, and the delivery that ends here does not count. JUSTID with
-- RETRYCOUNT sets the count; TIME 0 makes the lease look expired.
local start, held = '-', 0
while true do
  local page = redis.call('XPENDING', KEYS[1], ARGV[1], start, '+', 100, ARGV[2])
  for _, entry in ipairs(page) do
    redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, entry[1], 'TIME', 0, 'RETRYCOUNT', math.max(entry[4] - 1, 0), 'JUSTID')
    start = '(' .. entry[1]
  end
  held = held + #page
  if #page < 100 then break end
end
-- DELCONSUMER forgets what a consumer has, and it would never be delivered again.
if held > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1
