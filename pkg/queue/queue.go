package queue

import (
	"context"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Queue keeps events safe until they are stored. It is safe for concurrent use.
type Queue interface {
	// Append takes all events or none. It returns [event.Queued] for each event
	// once the queue holds them durably. [store.ErrOverloaded] in a
	// [*store.RetryError] means that the queue is full and nothing was taken.
	// [store.ErrUnavailable] means that the queue can't be reached; together with
	// [store.ErrNotReached] nothing was taken, otherwise the outcome is unknown.
	// [store.ErrNotDurable] means that the queue could lose events; it takes none
	// unless it is configured to.
	store.Appender
	Observable
	DeadLetterStore
	// Purge deletes all queued events for ever and returns how many there were.
	// Dead letters stay. A consumer that has messages may still store their events.
	Purge(ctx context.Context) (int64, error)
	// Consumer returns a new consumer. Its name must be unique.
	Consumer(name string) Consumer
	// Close frees all resources; queued events stay. Later calls return
	// [store.ErrClosed]; a second Close does nothing.
	Close() error
}

// Observable reports the state of a queue.
type Observable interface {
	// Ping reports whether Append would be safe now: nil, [store.ErrNotDurable] or
	// [store.ErrUnavailable].
	Ping(ctx context.Context) error
	// Size returns how much is queued and not yet acknowledged.
	Size(ctx context.Context) (Size, error)
	// LowWatermark returns a time by the queue's clock: everything queued before
	// it is finished and is never delivered again. The zero time means unknown.
	LowWatermark(ctx context.Context) (time.Time, error)
}

// DeadLetterStore keeps the events that could not be stored.
type DeadLetterStore interface {
	// DeadLetters returns up to limit dead letters, the oldest first. They start
	// after the dead letter with the ID after; an empty after is the beginning.
	DeadLetters(ctx context.Context, after string, limit int) ([]DeadLetter, error)
	// Retry puts dead letters back into the queue. It returns how many existed.
	Retry(ctx context.Context, ids []string) (int64, error)
	// Drop deletes dead letters. It returns how many existed.
	Drop(ctx context.Context, ids []string) (int64, error)
}

// Size is how much a queue holds.
type Size struct {
	// Events counts the queued events, including those that a worker is storing.
	Events int64
	// Bytes is their approximate size.
	Bytes int64
	// DeadLetters counts the events that could not be stored.
	DeadLetters int64
}

// Message is one delivery of events from a queue.
type Message struct {
	store.Delivery
	// Ref identifies the message within the queue.
	Ref string
	// Deliveries counts the consumers that received the message, this one
	// included. Consumers that released it with Leave do not count. So a number
	// above 1 means that workers crashed or lost their lease.
	Deliveries int64
	// Broken is why the message can't be read, or nil. A broken message has no
	// events; move it to the dead letters.
	Broken error
}

// Consumer receives messages under a lease and says what became of them. One
// goroutine at a time may use it, except for Renew, which may run at any time.
type Consumer interface {
	// Receive returns the next messages, each of them once. If there are none, it
	// waits, and then returns nothing. The messages are leased to this consumer:
	// they are not delivered to others while it calls Renew.
	Receive(ctx context.Context, wait time.Duration) ([]Message, error)
	// Claim takes over messages of other consumers whose lease was not renewed for
	// the given time. Those consumers have crashed or hang.
	Claim(ctx context.Context, expired time.Duration) ([]Message, error)
	// Renew renews the lease of every message that this consumer has received and
	// not finished. Messages that another consumer has claimed stay with that one.
	Renew(ctx context.Context) error
	Acknowledger
	// Leave ends the consumer. It releases unfinished messages, so that others can
	// claim them at once and it does not count as a delivery.
	Leave(ctx context.Context) error
	// Prune removes the names of consumers that hold no messages and have been
	// silent for longer than idle.
	Prune(ctx context.Context, idle time.Duration) error
}

// Acknowledger finishes messages.
type Acknowledger interface {
	// Acknowledge removes messages whose events are committed.
	Acknowledge(ctx context.Context, messages []Message) error
	// Split replaces a message of several events by one message for each event, so
	// that an event that can't be stored does not block the others. It does nothing
	// if the message is finished or another consumer has claimed it.
	Split(ctx context.Context, message Message) error
	// MoveToDeadLetters turns the events of a message into dead letters. It does
	// nothing if the message is finished or another consumer has claimed it.
	MoveToDeadLetters(ctx context.Context, message Message, reason string) error
}

// DeadLetter is an event that could not be stored.
type DeadLetter struct {
	// ID identifies the dead letter within the queue.
	ID string
	// Event is the event. If it can't be read, Text has its bytes instead.
	Event event.Event
	Text  string
	// Reason is why it could not be stored.
	Reason string
	// QueuedAt is when the event was first queued, by the queue's clock.
	QueuedAt time.Time
	// FailedAt is when it became a dead letter, by the queue's clock.
	FailedAt time.Time
	// Deliveries is [Message].Deliveries of its last delivery.
	Deliveries int64
}
