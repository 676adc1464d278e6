package redis

import (
	"crypto/sha1" //nolint:gosec // Redis names scripts by it
	"encoding/hex"
)

// script is a Lua program that the server runs as one step, after which its
// effects are in the append-only file together.
type script struct{ source, sha string }

func newScript(source string) script {
	sum := sha1.Sum([]byte(source)) //nolint:gosec // Redis names scripts by it
	return script{source: source, sha: hex.EncodeToString(sum[:])}
}

// scripts are all there are. A server that reached maxmemory refuses the first
// command of a script that would take memory, and none after a first write. So
// append begins with XADD, which is refused with nothing done, and the others
// begin with XACK or XDEL: what empties the queue works when memory is full.
type scripts struct {
	append, done, split, bury, retry, drop script
	renew, recover, claim, leave, prune    script
	horizon                                script
}

func newScripts() scripts {
	return scripts{
		append: newScript(luaAppend), done: newScript(luaDone), split: newScript(luaSplit), bury: newScript(luaBury),
		retry: newScript(luaRetry), drop: newScript(luaDrop), renew: newScript(luaRenew), recover: newScript(luaRecover),
		claim: newScript(luaClaim), leave: newScript(luaLeave), prune: newScript(luaPrune), horizon: newScript(luaHorizon),
	}
}

// KEYS: events, size. ARGV: most events, most bytes, events, bytes, and of each
// entry its d, n, b and e. Answers whether it took them, and backlog and done.
// HMGET comes first: a key of another type fails before anything is written.
const luaAppend = `
local size = redis.call('HMGET', KEYS[2], 'events', 'bytes', 'dead', 'dead_bytes', 'done')
for i = 1, 5 do size[i] = tonumber(size[i] or 0) end
if size[1] + size[3] + tonumber(ARGV[3]) > tonumber(ARGV[1]) or size[2] + size[4] + tonumber(ARGV[4]) > tonumber(ARGV[2]) then
  return {0, size[1], size[5]}
end
for i = 5, #ARGV, 4 do
  redis.call('XADD', KEYS[1], '*', 'd', ARGV[i], 'n', ARGV[i + 1], 'b', ARGV[i + 2], 'e', ARGV[i + 3])
end
if #ARGV > 4 then
  redis.call('HINCRBY', KEYS[2], 'events', ARGV[3])
  redis.call('HINCRBY', KEYS[2], 'bytes', ARGV[4])
end
return {1, size[1], size[5]}`

// KEYS: events, size. ARGV: group, and of each entry its id, n and b.
const luaDone = `
local events, bytes = 0, 0
for i = 2, #ARGV, 3 do
  redis.call('XACK', KEYS[1], ARGV[1], ARGV[i])
  if redis.call('XDEL', KEYS[1], ARGV[i]) == 1 then
    events = events + ARGV[i + 1]
    bytes = bytes + ARGV[i + 2]
  end
end
if events ~= 0 or bytes ~= 0 then
  redis.call('HINCRBY', KEYS[2], 'events', 0 - events)
  redis.call('HINCRBY', KEYS[2], 'bytes', 0 - bytes)
  redis.call('HINCRBY', KEYS[2], 'done', events)
end
return events`

// KEYS: events, size. ARGV: group, id, n, b, q, and of each part its d, b, e.
const luaSplit = `
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if redis.call('XDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
local events, bytes = 0 - ARGV[3], 0 - ARGV[4]
for i = 6, #ARGV, 3 do
  redis.call('XADD', KEYS[1], '*', 'd', ARGV[i], 'n', 1, 'b', ARGV[i + 1], 'q', ARGV[5], 'e', ARGV[i + 2])
  events = events + 1
  bytes = bytes + ARGV[i + 1]
end
redis.call('HINCRBY', KEYS[2], 'events', events)
redis.call('HINCRBY', KEYS[2], 'bytes', bytes)
return 1`

// KEYS: events, size, dead. ARGV: group, id, n, b, q, r, k, and of each part its
// b and e. Without parts the entry can't be read: its text becomes the letter.
const luaBury = `
local parts = {}
for i = 8, #ARGV, 2 do parts[#parts + 1] = {ARGV[i], ARGV[i + 1]} end
if #parts == 0 then
  local entry = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])[1]
  if entry then
    local text
    for i = 1, #entry[2], 2 do
      if entry[2][i] == 'e' then text = entry[2][i + 1] end
    end
    text = text or table.concat(entry[2], ' ')
    parts[1] = {#text, text}
  end
end
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if redis.call('XDEL', KEYS[1], ARGV[2]) == 0 then return 0 end
local bytes = 0
for _, part in ipairs(parts) do
  redis.call('XADD', KEYS[3], '*', 'r', ARGV[6], 'q', ARGV[5], 'k', ARGV[7], 'b', part[1], 'e', part[2])
  bytes = bytes + part[1]
end
redis.call('HINCRBY', KEYS[2], 'events', 0 - ARGV[3])
redis.call('HINCRBY', KEYS[2], 'bytes', 0 - ARGV[4])
redis.call('HINCRBY', KEYS[2], 'dead', #parts)
redis.call('HINCRBY', KEYS[2], 'dead_bytes', bytes)
return #parts`

// KEYS: events, size, dead. ARGV: of each dead letter its id and a new d.
const luaRetry = `
local events, bytes = 0, 0
for i = 1, #ARGV, 2 do
  local letter = redis.call('XRANGE', KEYS[3], ARGV[i], ARGV[i])[1]
  if letter then
    local f = {}
    for j = 1, #letter[2], 2 do f[letter[2][j]] = letter[2][j + 1] end
    redis.call('XDEL', KEYS[3], ARGV[i])
    redis.call('XADD', KEYS[1], '*', 'd', ARGV[i + 1], 'n', 1, 'b', f.b, 'q', f.q, 'e', f.e)
    events = events + 1
    bytes = bytes + f.b
  end
end
if events > 0 then
  redis.call('HINCRBY', KEYS[2], 'events', events)
  redis.call('HINCRBY', KEYS[2], 'bytes', bytes)
  redis.call('HINCRBY', KEYS[2], 'dead', 0 - events)
  redis.call('HINCRBY', KEYS[2], 'dead_bytes', 0 - bytes)
end
return events`

// KEYS: events, size, dead. ARGV: ids of dead letters.
const luaDrop = `
local events, bytes = 0, 0
for i = 1, #ARGV do
  local letter = redis.call('XRANGE', KEYS[3], ARGV[i], ARGV[i])[1]
  if letter then
    redis.call('XDEL', KEYS[3], ARGV[i])
    for j = 1, #letter[2], 2 do
      if letter[2][j] == 'b' then bytes = bytes + letter[2][j + 1] end
    end
    events = events + 1
  end
end
if events > 0 then
  redis.call('HINCRBY', KEYS[2], 'dead', 0 - events)
  redis.call('HINCRBY', KEYS[2], 'dead_bytes', 0 - bytes)
end
return events`

// KEYS: events. ARGV: group, consumer, ids. Answers those that are still the
// consumer's, and makes them look as if just given to it. JUSTID leaves the
// delivery count as it is, which reading the history would raise.
const luaRenew = `
local mine = {}
for i = 3, #ARGV do
  if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2]) == 1 and
     #redis.call('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID') == 1 then
    mine[#mine + 1] = ARGV[i]
  end
end
return mine`

// KEYS: events. ARGV: group, consumer, start, count, whether they are given
// anew. Answers of each the id, the delivery count and the fields, and before
// all of them where to go on.
const luaRecover = `
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
return found`

// KEYS: events. ARGV: group, consumer, idle in ms, count. As recover, of others.
// XAUTOCLAIM would take the consumer's own too, and tells no delivery count.
const luaClaim = `
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
return found`

// KEYS: events. ARGV: group, consumer.
const luaLeave = `
if #redis.call('XPENDING', KEYS[1], ARGV[1], '-', '+', 1, ARGV[2]) > 0 then return 0 end
redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], ARGV[2])
return 1`

// KEYS: events. ARGV: group, idle in ms.
const luaPrune = `
local gone = 0
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
  local f = {}
  for i = 1, #consumer, 2 do f[consumer[i]] = consumer[i + 1] end
  if f.pending == 0 and f.idle > tonumber(ARGV[2]) then
    redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], f.name)
    gone = gone + 1
  end
end
return gone`

// KEYS: events. Answers the id before which everything is done. Of a stream that
// is empty that is now, made true by XSETID: without it a clock that goes back
// could give an id before the answer, and with the last id alone one topic's
// silence would hold back all others.
const luaHorizon = `
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
return last`
