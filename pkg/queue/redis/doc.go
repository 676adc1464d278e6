// Package redis implements package queue on Redis Streams: Redis 7.0 or newer,
// Valkey, or a Redis Cluster of either. It is internal to eventagg.
//
//	Append ──XADD──▶ {eventagg:0}:events ──XREADGROUP──▶ Receive ───▶ store
//	                   │           ▲ └─XACK XDEL─ Acknowledge ◀─ COMMIT ─┘
//	 MoveToDeadLetters ▼           │ Retry
//	                   {eventagg:0}:dead ──▶ Drop
//
// # Keys
//
// "eventagg" is Options.Prefix, and 0 is the number of the stream, of which there are
// Options.Streams. The braces keep the three keys of a stream on one node of a
// cluster, so that a script may use them together.
//
// {eventagg:0}:events is a stream with an entry for each unfinished delivery:
//
//	d  the delivery ID, 16 random bytes
//	n  the number of events
//	b  their size in the entry, in bytes
//	e  the events in JSON, one a line, at most 500 or 1 MiB unless it is one
//	q  when they were first queued, Unix time in ms; only after a split or retry
//
// Its consumer group is "eventagg", with a consumer for each worker. {eventagg:0}:dead
// is a stream of dead letters with an entry for each event: e, b and q as above, r the
// reason, and k the number of deliveries. {eventagg:0}:size is a hash that changes in
// the same step as the streams: events and bytes are the size of the queue, dead and
// dead_bytes of the dead letters, entries is the length of the stream, and done counts
// all events ever finished. If entries or dead differ from the length of the streams,
// an operator has changed them by hand (DEL, XDEL, XTRIM, RENAME, FLUSHDB), and the
// streams are counted again. Otherwise a queue that was emptied by hand would stay full
// for ever. An entry that was delivered and that no consumer has (XGROUP SETID,
// DELCONSUMER or XACK by hand) is claimed.
//
// To look at them:
//
//	redis-cli HGETALL {eventagg:0}:size
//	redis-cli XINFO CONSUMERS {eventagg:0}:events eventagg
//	redis-cli XPENDING {eventagg:0}:events eventagg - + 10
//	redis-cli XRANGE {eventagg:0}:dead - + COUNT 10
//
// An entry that was added by hand is delivered. An unreadable entry becomes a dead
// letter with its text. The access list of the user
// needs ~{eventagg:* +@connection +@stream +@scripting +hmget +hincrby +hset +type
// +del +exists +time +config|get +info. With +hget +scan, workers also find events that
// are left in streams of other settings.
//
// # Decisions
//
// An entry is a micro-batch: one command, one record of the consumer group and one
// fsync for up to 500 events. Each append is one script on one stream. So its events,
// the maximum and the size are checked and changed in one step. Appends rotate over
// the streams, whatever their topics: an append has many topics, which no single step
// in a cluster could handle. One busy topic would also fill one stream while others
// are empty. The order of queued events is not guaranteed.
//
// MAXLEN is never used, because it drops entries that were not read yet. A full queue
// rejects appends. Dead letters count towards the maximum, because memory without a
// limit ends the server. Retry-After is the backlog divided by the rate at which done
// grows.
//
// Durable means appendonly yes, appendfsync always, and no-appendfsync-on-rewrite no,
// which would suspend fsync. The server then responds after fsync. It writes the
// commands of a script as one MULTI, which it replays whole or not at all
// (https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/). Each
// connection for appends is checked when it is made, because another server may have
// the address now. The settings are checked again every 3 seconds. A server that
// enables its file at runtime responds at once, but a restart reads the file only
// after its first rewrite. So during a rewrite, a server is durable only if its
// complete file was seen before. If it is disabled and enabled between two checks,
// that is not noticed. Replication is no substitute: a failover loses what the replica
// has not received.
//
// A cluster that loses a node loses the streams of that node for a while, and nothing
// else. The other streams are used, and Ping succeeds while one of them is available.
// The events of the node are delivered when it is available again or a replica took
// over. Size and LowWatermark need all streams and fail without.
//
// Acknowledge acknowledges and deletes. XACK alone would leave the entry in the stream
// for ever. Both and the size are one step, and only existing entries are counted, so
// a second Acknowledge changes nothing. Split and MoveToDeadLetters also check that
// the consumer still has the entry.
//
// The lease of an entry is its idle time. Renew resets it with XCLAIM and JUSTID, which
// keeps the delivery count. Reading the history with XREADGROUP and an ID would raise
// it (https://redis.io/docs/latest/commands/xreadgroup/), and a store that is
// unavailable for a minute would turn everything into dead letters. If a reply was
// lost, XPENDING shows what was delivered and not received.
//
// Claim is XPENDING IDLE and XCLAIM in one script. XAUTOCLAIM
// (https://redis.io/docs/latest/commands/xautoclaim/) would also take the consumer's
// own entries, and it does not return the delivery count.
//
// XGROUP DELCONSUMER forgets the entries that a consumer has, and they are never
// delivered again (https://redis.io/docs/latest/commands/xgroup-delconsumer/). Leave
// and Prune check and delete in one step.
//
// Nothing is sent twice. After a lost connection, go-redis would send again what may
// have been executed, in a cluster even with retries disabled. A blocking read is never
// interrupted, because its reply may have messages. It blocks at most a quarter of a
// second instead. It has its own connections, or waiting workers would use up those for
// Acknowledge.
package redis
