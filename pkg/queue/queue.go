package queue

import (
	"context"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Queue keeps events safe until they are stored. It may be used concurrently.
type Queue interface {
	// Append takes all events or none, and answers [event.Queued] for each once
	// the queue holds them safely. [store.ErrOverloaded] in a
	// [*store.RetryError] says that the queue is at its bound; nothing was
	// taken. [store.ErrUnavailable] says that the queue can't be reached;
	// where [store.ErrNotReached] is with it nothing was taken, otherwise
	// nobody knows. A queue that is [store.ErrNotDurable] takes nothing, unless it was
	// told to.
	store.Appender
	Observable
	DeadLetterStore
	// Consumer begins to take messages under a name that nobody else uses.
	Consumer(name string) Consumer
	// Close frees everything; what is queued stays. Any call after it returns
	// [store.ErrClosed]; a second Close does nothing.
	Close() error
}

// Observable tells how a queue is.
type Observable interface {
	// Ping reports whether Append would be safe now: nil, [store.ErrNotDurable] or
	// [store.ErrUnavailable].
	Ping(ctx context.Context) error
	// Size tells how much is queued and not yet done.
	Size(ctx context.Context) (Size, error)
	// LowWatermark is a moment by the queue's clock: whatever was queued before it
	// is done for good. The zero time says that nothing is known.
	LowWatermark(ctx context.Context) (time.Time, error)
}

// DeadLetterStore keeps the events that could not be stored.
type DeadLetterStore interface {
	// DeadLetters returns up to limit dead letters after one of them, the
	// oldest first; an empty after is the beginning.
	DeadLetters(ctx context.Context, after string, limit int) ([]DeadLetter, error)
	// Retry puts dead letters back into the queue, Drop removes them for ever.
	// Both answer how many of them were there.
	Retry(ctx context.Context, ids []string) (int64, error)
	Drop(ctx context.Context, ids []string) (int64, error)
}

// Size is what a queue holds.
type Size struct {
	// Events counts the events that are queued and not done, those under way
	// to a store included.
	Events int64
	// Bytes is about what they take.
	Bytes int64
	// DeadLetters counts the events that can't be stored.
	DeadLetters int64
}

// Message is a delivery with what the queue needs to know about it.
type Message struct {
	store.Delivery
	// Ref is the queue's own name of the message.
	Ref string
	// Deliveries counts how often it was handed out, this time included.
	Deliveries int64
	// Broken says why the message can't be read, where it can't; it has no
	// events then. Bury it.
	Broken error
}

// Consumer takes messages from a queue and says what became of them. What it
// was given and has not finished is its own until somebody claims it. One
// goroutine at a time uses it.
type Consumer interface {
	// Receive returns the next messages, those first that this consumer was
	// given and has not finished, so what failed is tried again. With nothing
	// to do it waits, and answers nothing after the wait.
	Receive(ctx context.Context, wait time.Duration) ([]Message, error)
	Lease
	// Claim takes over what others were given longer ago than idle and have
	// not finished: they are dead or stuck.
	Claim(ctx context.Context, idle time.Duration) ([]Message, error)
	Acknowledger
	// Leave ends the consumer. Whatever it has not finished is left for others
	// to claim; its name is forgotten where there is nothing.
	Leave(ctx context.Context) error
	// Prune forgets consumers that have been silent for longer than idle and
	// hold nothing.
	Prune(ctx context.Context, idle time.Duration) error
}

// Lease keeps what a consumer was given and has not finished.
type Lease interface {
	// Park keeps messages out of what Receive returns, in place of those it
	// was told last. They stay this consumer's, and each Receive keeps them from
	// others' Claim, until they are finished.
	Park(messages []Message)
	// Renew makes all that this consumer was given and has not finished look as
	// if just given to it, so that nobody claims it meanwhile. Receive does so too.
	Renew(ctx context.Context) error
}

// Acknowledger hears what became of messages.
type Acknowledger interface {
	// Acknowledge removes messages whose events are committed.
	Acknowledge(ctx context.Context, messages []Message) error
	// Split puts a message of several events back as one message for each, so
	// that one that can't be stored does not hold up the others.
	Split(ctx context.Context, message Message) error
	// MoveToDeadLetters turns the events of a message into dead letters.
	MoveToDeadLetters(ctx context.Context, message Message, reason string) error
}

// DeadLetter is an event that could not be stored.
type DeadLetter struct {
	// ID is the queue's own name of it.
	ID string
	// Event is the event, or its text where it can't be read any more.
	Event event.Event
	Text  string
	// Reason says why it could not be stored.
	Reason string
	// QueuedAt and BuriedAt are when the event was queued and given up, by the
	// queue's clock.
	QueuedAt time.Time
	FailedAt time.Time
	// Deliveries counts how often it was handed to a worker.
	Deliveries int64
}
