package store

import (
	"context"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

// DeliveryID names a delivery: 16 bytes of chance, drawn when its events were
// queued. A queue's own numbers would not do, since a queue that lost its data
// begins to count anew.
type DeliveryID [16]byte

// Delivery is what a queue hands over in one piece, and more than once where it
// can't know whether it was stored.
type Delivery struct {
	ID DeliveryID
	// QueuedAt is when the queue took it, by the queue's clock. Only
	// [Receiver].Forget goes by it.
	QueuedAt time.Time
	Events   []event.Event
}

// Received counts the events of deliveries by what became of them.
type Received struct {
	Stored     int64
	Duplicates int64
	// Redelivered counts the events of deliveries that were received before.
	// They are neither stored nor counted again.
	Redelivered int64
}

// Receiver stores the events of a queue, each delivery once.
//
// A queue delivers again what may have been lost, and a repeat by the queue is
// not a repeat by a sender: counted as a duplicate, it would tell of an event
// that nobody sent. So the store remembers each delivery in the transaction
// that stores its events, those that are duplicates included.
type Receiver interface {
	// Receive does with the events of the deliveries what [Appender].Append
	// does, in one transaction that also remembers the deliveries. One that is
	// remembered already, or comes twice in one call, is left out and counted
	// as redelivered. Two calls at once with the same delivery wait for each
	// other, here and between instances. Errors are those of Append; after
	// each of them, calling again with the same deliveries is safe and counts
	// nothing twice. On [ErrRejected] nothing was received.
	Receive(ctx context.Context, deliveries []Delivery) (Received, error)
	// Known reports for each ID whether that delivery is remembered.
	Known(ctx context.Context, ids []DeliveryID) ([]bool, error)
	// Forget drops what is remembered of deliveries that were queued before a
	// moment, and answers how many those were. The caller knows that the queue
	// holds none of them any more.
	Forget(ctx context.Context, queuedBefore time.Time) (int64, error)
}
