// Package redis is the queue of package broker on Redis Streams: Redis 7.0 or
// newer, Valkey, or a Redis Cluster of either.
//
//	Append ──XADD──▶ {eventagg:0}:events ──XREADGROUP──▶ Receive ──▶ store
//	                      │        ▲  └─XACK XDEL─ Done ◀── COMMIT ──┘
//	                 Bury ▼        │ Retry
//	                 {eventagg:0}:dead ──▶ Drop
//
// # Keys
//
// "eventagg" is Options.Prefix; 0 is the number of the stream, of which there
// are Options.Streams. The braces keep the three keys of a stream on one node of
// a cluster, where a script may use them together.
//
// {eventagg:0}:events is a stream, an entry for each delivery that is not done:
//
//	d  the delivery's name, 16 random bytes
//	n  how many events
//	b  how many bytes they take in the entry
//	e  the events in JSON, a line each, at most 500 or 1 MiB unless it is one
//	q  when they were queued first, Unix time in ms; only after a split or retry
//
// Its consumer group is "eventagg", with a consumer for each worker. {eventagg:0}:dead
// is a stream of dead letters, an entry for each event: e, b and q as above, r
// the reason and k how often it was delivered. {eventagg:0}:size is a hash that
// changes with the streams in one step: events and bytes are what is queued,
// dead and dead_bytes the dead letters, done all events ever finished.
//
// An operator looks with:
//
//	redis-cli HGETALL {eventagg:0}:size
//	redis-cli XINFO CONSUMERS {eventagg:0}:events eventagg
//	redis-cli XPENDING {eventagg:0}:events eventagg - + 10
//	redis-cli XRANGE {eventagg:0}:dead - + COUNT 10
//
// An entry that somebody adds by hand is worked on and not counted. One that
// can't be read becomes a dead letter with its text. A user of the server's
// access lists needs ~{eventagg:* +@connection +@stream +@scripting +hmget
// +hincrby +exists +time +config|get +info.
//
// # Decisions
//
// An entry is a micro-batch: one command, one field of the group's bookkeeping
// and one fsync for up to 500 events. Each append is one script on one stream,
// which is what makes it all or nothing together with the bounds and counts.
// Streams take turns by append and not by topic: an append has many topics,
// which in a cluster no single step could take; and one busy topic would fill
// one stream's share while the others are empty. Nobody relies on order.
//
// MAXLEN is never used: it drops what was not read yet. A full queue refuses;
// dead letters take room, since memory that nobody bounds ends the server. How
// long to wait is the backlog by the rate that done grows at.
//
// Safe is appendonly yes with appendfsync always, and no-appendfsync-on-rewrite
// no, which would suspend that: the server answers after
// fsync, and writes a script's commands as one MULTI, which it replays whole or
// not at all (https://redis.io/docs/latest/operate/oss_and_stack/management/persistence/).
// Each connection that events go through is checked as it is made, since behind
// the same address may be another server now, and the settings again every 3
// seconds. A server that is told to begin a file while it runs says yes at once,
// and has one that a restart reads only after its first rewrite: so while a
// rewrite is under way only a server counts whose file was seen whole before.
// Turned off and on again between two looks is not noticed. Replication does not
// make up for it: a failover loses what the replica had not got.
//
// A cluster that loses a node loses its streams for a while, and nothing else:
// the others take and give, Ping is well while one of them is, and what was on
// the node comes when it is back or a replica took over. Size and Horizon need
// all of them and say so.
//
// Done acknowledges and deletes. XACK alone leaves the entry in the stream for
// ever. Both and the counting are one step, and only what was there is counted,
// so that a second Done changes nothing.
//
// What a consumer was given it keeps in memory. Reading its history from the
// server again, XREADGROUP with an id, would raise each delivery count
// (https://redis.io/docs/latest/commands/xreadgroup/): a store that is away for
// a minute would turn everything into dead letters. XCLAIM with JUSTID says "it
// is still mine, and not idle" and leaves the count alone. Only where a reply was
// lost does it look, with XPENDING, for what it was given and never got.
//
// Claim is XPENDING IDLE and XCLAIM in one script and not XAUTOCLAIM
// (https://redis.io/docs/latest/commands/xautoclaim/), which also takes what is
// the consumer's own and does not tell how often it was delivered.
//
// XGROUP DELCONSUMER forgets what a consumer holds, and it is never delivered
// again (https://redis.io/docs/latest/commands/xgroup-delconsumer/). Leave and
// Prune look and delete in one step.
//
// Nothing is sent twice: go-redis sends again after a lost connection what may
// have been executed, in a cluster even with its retries turned off. A blocking
// read is never broken off before its time, since the reply may have messages in
// it; it takes a quarter of a second at most instead. It has connections of its
// own, or workers that wait would keep Done from the pool.
package redis
