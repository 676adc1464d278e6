-- KEYS: events. Returns the ID before which everything is finished. For an empty
-- stream that is now, and XSETID makes sure of it: otherwise a clock that is set back
-- could generate an earlier ID. The last ID would not do, because one silent stream
-- would then hold back the watermark of all others.
if redis.call('EXISTS', KEYS[1]) == 0 then return '' end
local first = redis.call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
if first then return first[1] end
local info, last = redis.call('XINFO', 'STREAM', KEYS[1]), '0-0'
for i = 1, #info, 2 do
  if info[i] == 'last-generated-id' then last = info[i + 1] end
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if now > tonumber(string.match(last, '^%d+')) then
  local id = string.format('%.0f-0', now)
  local set = redis.pcall('XSETID', KEYS[1], id)
  if type(set) ~= 'table' or not set.err then return id end
end
return last
