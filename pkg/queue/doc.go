// Package queue is the contract of the queue that stands beside the database:
// it takes what the database can't take now, a spike or an outage, and workers
// move it on.
//
//	server ──Append──▶ broker/redis ──Receive──▶ Worker ──Receive──▶ store
//	                                     └───────Done (after COMMIT)───┘
//
// To those above it a queue is one more [store.Appender], whose outcome is
// [event.Queued]. The group commit of package ingest stands in front of it as
// it does in front of a store: many requests share one write to the queue.
//
// A message holds the events of one such write. It is delivered at least once,
// and stored exactly once, by two keys: that of each event, and the delivery's
// own, which the store remembers in the same transaction (see
// [store.Receiver]). The design had meant to keep the queue's number on the
// event's row. That row tells of the first delivery only: a repeat that came
// through the queue and was delivered twice would have been counted as two.
//
// What the store fails at for a reason that is neither in the data nor an outage,
// a damaged page or a batch that is too slow, must not hold up the rest. A worker
// takes fewer messages at once after each failure, sets aside the one that fails
// alone, and tries it again after growing pauses. Only what failed while others
// were stored is given up: a message of several events is split, a single event
// becomes a dead letter.
//
// Package brokertest is the conformance suite; an engine is one more package
// beside redis that passes it.
package queue
