// Package ingest is the group commit: a [store.Appender] in front of another one
// that lets concurrent callers share a transaction. It is internal.
//
//	server ──Append(1 event)──▶ queue ──▶ writer 1 ──Append(many)──▶ store
//	server ──Append(1 event)──▶   │  └──▶ writer 2 ──Append(many)──▶ store
//	server ──Append(1 event)──▶   ┘
//
// A durable COMMIT costs about the same for one event as for a thousand. So each
// writer takes the waiting events, up to a batch, appends them as one, and returns
// to every caller its own outcomes. There is no delay to tune. If no batch is in
// flight, a writer flushes at once, so a single event never waits. While a batch
// is in flight, the next one gathers by itself. The more load, the larger the
// batches. (PostgreSQL calls the idea commit_delay and Kafka linger.ms; both wait
// for a fixed time.) A second writer starts only if enough events wait for a
// transaction of their own. A few events are better off in the next batch.
//
// The buffer is bounded, in events and in bytes. When it is full, Append returns
// [store.ErrOverloaded] at once, with the time that the backlog takes to drain. An
// unbounded buffer would turn overload into timeouts and lost memory.
//
// The decisions (what goes into a batch, what is too much) are plain values without
// goroutines or clocks, in queue.go. The loop around them is in writer.go.
package ingest
