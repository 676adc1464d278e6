package store

import (
	"context"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

// DeliveryID identifies a delivery: 16 random bytes, chosen when its events were
// queued. The queue's own numbers are not suitable: a queue that lost its data
// starts to count again.
type DeliveryID [16]byte

// Delivery is one message of a queue. The queue delivers it again if it can't
// know whether its events were stored.
type Delivery struct {
	ID DeliveryID
	// QueuedAt is when the queue accepted the events, by the queue's clock.
	// Only [Receiver].Forget uses it.
	QueuedAt time.Time
	Events   []event.Event
}

// Received counts the events of deliveries by outcome.
type Received struct {
	Stored     int64
	Duplicates int64
	// Redelivered counts the events of deliveries that were received before.
	// They are neither stored nor counted again.
	Redelivered int64
}

// Receiver stores the events of a queue, each delivery once.
//
// A repeat by the queue is not a repeat by the sender. If the store counted it
// as a duplicate, the counters would include an event that was never sent. So
// the store remembers each delivery in the transaction that stores its events,
// even if all of them are duplicates.
type Receiver interface {
	// Receive appends the events of the deliveries, as [Appender].Append does,
	// and remembers the deliveries in the same transaction. It skips a delivery
	// that is remembered already, or that occurs twice in the call, and counts
	// it as redelivered. Concurrent calls with the same delivery wait for each
	// other, also across instances.
	//
	// The errors are those of Append. After any error the same deliveries can be
	// received again, and nothing is counted twice. After [ErrRejected] nothing
	// was received.
	Receive(ctx context.Context, deliveries []Delivery) (Received, error)

	// Known reports for each ID whether that delivery is remembered.
	Known(ctx context.Context, ids []DeliveryID) ([]bool, error)

	// Forget deletes the memory of deliveries that were queued before a moment
	// and returns how many there were. The caller knows that the queue holds
	// none of them any more.
	Forget(ctx context.Context, queuedBefore time.Time) (int64, error)
}
