-- follow returns the size as numbers: events, bytes, dead, dead_bytes, done, entries.
-- It counts a stream again if entries were added or deleted by others than these
-- scripts, or if the size was. That is exact up to 10,000 entries and 64 MiB, and an
-- estimate otherwise, because other commands wait. An empty stream is exact again.
local function field(entry, name)
  for i = 1, #entry[2], 2 do
    if entry[2][i] == name then return tonumber(entry[2][i + 1]) end
  end
end
local function count(key, length)
  local start, entries, events, bytes = '-', 0, 0, 0
  while entries < length and entries < 10000 and bytes < 67108864 do
    local page = redis.call('XRANGE', key, start, '+', 'COUNT', 20)
    for _, entry in ipairs(page) do
      start = '(' .. entry[1]
      events = events + math.max(0, math.min(field(entry, 'n') or 0, 1000000))
      bytes = bytes + math.max(0, math.min(field(entry, 'b') or 0, 1099511627776))
    end
    entries = entries + #page
    if #page == 0 then break end
  end
  local scale = entries > 0 and length / entries or 0
  return math.ceil(events * scale), math.ceil(bytes * scale)
end
local function follow(events, size, dead)
  -- HMGET comes first: a key of another type fails before anything is written.
  local s = redis.call('HMGET', size, 'events', 'bytes', 'dead', 'dead_bytes', 'done', 'entries')
  local entries, letters, wrong = redis.call('XLEN', events), redis.call('XLEN', dead), false
  for i = 1, 6 do
    s[i] = tonumber(s[i] or 0)
    wrong = wrong or s[i] == nil
  end
  if wrong or s[6] ~= entries then
    s[1], s[2] = count(events, entries)
    s[6], wrong = entries, true
  end
  if wrong or s[3] ~= letters then
    local _, bytes = count(dead, letters)
    s[3], s[4], wrong = letters, bytes, true
  end
  s[5] = s[5] or 0
  if wrong then
    local f = {}
    for i = 1, 6 do f[i] = string.format('%.0f', s[i]) end
    redis.pcall('HSET', size, 'events', f[1], 'bytes', f[2], 'dead', f[3], 'dead_bytes', f[4], 'done', f[5], 'entries', f[6])
  end
  s[1], s[2] = math.max(s[1], 0), math.max(s[2], 0)
  return s
end
