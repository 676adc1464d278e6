// Package queue is the contract of the durable queue in front of the database, and
// the worker that moves queued events into it. It is internal to eventagg.
//
// The queue absorbs traffic spikes and database outages:
//
//	server ──Append──▶ queue/redis ──Receive──▶ Worker ──Receive──▶ store
//	                        ▲                     │
//	                        └──Acknowledge────────┘ after COMMIT
//
// For the server, a queue is one more [store.Appender], with the outcome
// [event.Queued]. The group commit of package ingest stands in front of it as in
// front of a store, so many requests share one write.
//
// A message holds the events of one such write. It is delivered at least once and
// stored exactly once. The store remembers each delivery in the transaction that
// stores its events (see [store.Receiver]). The key of the events would not be
// enough: a duplicate that is delivered twice would be counted as two.
//
// # Leases
//
// A consumer leases the messages that it receives, and a worker renews its leases
// every 2 seconds, however long an append takes. If a worker crashes, another one
// takes its messages over after 6 to 8 seconds.
//
// # Failures
//
// The worker treats an error of the store by its class:
//
//	class              errors                            what the worker does
//	─────              ──────                            ────────────────────
//	store unavailable  nothing stored and the reason     pauses; counts nothing
//	                   is the store: no connection,
//	                   full disk, overloaded, closed
//	data rejected      store.ErrRejected                 bisects; the event that is rejected
//	                                                     alone becomes a dead letter
//	anything else      damaged page, time-out, lost      bisects; parks the message that fails
//	                   response, unknown error           alone and tries it again with growing
//	                                                     pauses of 5 seconds to 1 minute
//
// An event becomes a dead letter after 5 tries over 10 minutes while others are
// stored. A try counts if other events were stored at most a minute before and a
// minute after it. So a store that fails at everything for a day makes no dead
// letters, even if its health checks succeed. A message of several events is split
// after its first counted try, so that only the event that fails stays behind. If
// more than 1,000 messages are parked, those that failed most often are given up
// sooner. They must not block the others.
//
// Package queuetest is the conformance suite. Another engine is a package beside
// redis that passes it.
package queue
