// Package ingest is the group commit: a [store.Appender] around another one
// that lets concurrent callers share a transaction.
//
//	server ──Append(1 event)──▶ queue ──▶ writer 1 ──Append(many)──▶ store
//	server ──Append(1 event)──▶   │  └──▶ writer 2 ──Append(many)──▶ store
//	server ──Append(1 event)──▶   ┘
//
// A durable COMMIT costs about the same for one event and for a thousand. So
// each writer takes whatever waits, up to a batch, appends it as one, and hands
// every caller its own outcomes. There is no delay to tune: where no batch is
// under way a writer flushes at once, so that a lone event waits for nobody, and
// while one is, the next gathers by itself. The more load, the larger the batches
// (PostgreSQL calls the idea commit_delay, Kafka linger.ms; both wait by the
// clock where this waits by need). A second writer joins in when there is
// enough for a transaction of its own; a few events are better off in the next
// batch.
//
// What is taken in is bounded, in events and in bytes. Beyond the bounds Append
// answers [store.ErrOverloaded] at once, with the time that the backlog takes
// to drain: a queue that grows without bound only turns overload into time-outs
// and lost memory.
//
// The decisions — what goes into a batch, what is too much, how fast the store
// drains — are plain values without goroutines or clocks (queue.go, meter.go);
// the loop around them is in writer.go.
package ingest
