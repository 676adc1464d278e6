package store

import (
	"context"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

// Appender stores events exactly once.
//
// Append returns one outcome per event, in the order of the events. The first
// event ever committed under a key is [event.Stored]. Every other event with
// that key is [event.Duplicate], whether it comes in this append, another
// append or another process; it is [event.Conflict] if its content differs from that of
// the first one. All of these outcomes mean that the key is committed: it
// survives a crash of the program, the database and the machine. A store
// appends all events or none, and counts them in the same transaction.
//
// On an error nothing is known: the events may be stored or not. Appending the
// same events again is always safe because Append is idempotent by key. The
// error is that of the context, or [errors.Is] matches it with an error of this
// package.
//
// Append may be called concurrently. It does not keep the slice. An empty append
// succeeds and stores nothing.
type Appender interface {
	Append(ctx context.Context, events []event.Event) ([]event.Outcome, error)
}

// StatsReader reads the counters. Every result is one consistent moment:
// Received equals Stored plus Duplicates, and Kept is exactly the number of
// events stored at that moment. The time of a call does not depend on the number
// of events, and that of Stats not on the number of topics.
type StatsReader interface {
	Stats(ctx context.Context) (Stats, error)
	// TopicStats returns one row per selected topic. The topic with the most
	// received events comes first; topics with equal numbers are sorted by name.
	// A topic that receives events between two pages may be in both or in none.
	TopicStats(ctx context.Context, query TopicQuery) ([]TopicStats, error)
}

// TopicReader knows which topics exist.
type TopicReader interface {
	// KnownTopics reports for each topic whether it has events.
	KnownTopics(ctx context.Context, topics []string) ([]bool, error)
}

// PageBytes bounds the memory of one result of [EventReader], however large the
// events are. Reading stops after the event with which the sum of all
// [event.Event.Size] reaches PageBytes.
const PageBytes = 8 << 20

// EventReader reads stored events.
type EventReader interface {
	// Event returns the event with this key, or [ErrNotFound]. [ErrDropped] means that
	// the event was stored and retention has dropped its data.
	Event(ctx context.Context, key event.Key) (Record, error)

	// Older returns at most limit events that match and lie before a position,
	// newest first. It also returns whether there are more. The zero Position
	// means the end of all events, including those appended just now.
	//
	// A reader that passes the position of the last record to the next call
	// sees no event twice. It misses none that was stored when it started.
	//
	// A result has fewer than limit events if it reaches PageBytes or if there
	// are no more. It is never empty if there are more.
	//
	// [ErrForeignPosition] means the same as in Newer. Events that retention has
	// dropped are left out.
	Older(ctx context.Context, filter Filter, before Position, limit int) (records []Record, more bool, err error)

	// Newer returns at most limit stable events that match and lie after a
	// position, oldest first, and the position for the next call. It stops
	// early at PageBytes, as Older does. If there is nothing new, the result is
	// empty and the error is nil.
	//
	// A follower that passes the position to the next call sees each event
	// once. All followers see the same order.
	//
	// [ErrForeignPosition] means that the position belongs to other data, for
	// example to data from before a backup was restored: the position lies
	// after everything that the store has returned, or the event at the
	// position has another Fingerprint. The store can't know what such a
	// follower has missed. It never rejects a position that it returned itself
	// while the events are still there, even after a crash or in a copy of the
	// data.
	//
	// A [DroppedError] means that the store had returned the position, and that
	// retention has dropped events after it since then, whether they match the filter or
	// not. The zero Position means before the first event that was not dropped.
	Newer(ctx context.Context, filter Filter, after Position, limit int) ([]Record, Position, error)

	// StableHead returns a position before which no event will ever appear
	// again. Older from this position returns the last events, Newer returns
	// every later one.
	StableHead(ctx context.Context) (Position, error)
}

// Store is a database of events.
type Store interface { //nolint:interfacebloat // it is the sum of small ones
	Appender
	Receiver
	StatsReader
	TopicReader
	DuplicateReader
	EventReader
	Retainer
	// Ping returns nil if the store can be reached and written to, and
	// [ErrUnavailable] otherwise.
	Ping(ctx context.Context) error
	// Close waits for running calls and releases all resources. Calls after it
	// return [ErrClosed]. A second Close does nothing.
	Close() error
}

// Stats are the totals over all topics and instances.
type Stats struct {
	// Received counts the events that got an outcome.
	Received int64
	// Stored counts the events that were ever stored.
	Stored int64
	// Kept counts those of Stored whose data is there: retention has not dropped it.
	Kept int64
	// Duplicates counts the repeats that were dropped.
	Duplicates int64
	// Conflicts counts those of Duplicates whose content differs from the stored event.
	Conflicts int64
	// Topics counts the topics with at least one stored event.
	Topics int64
}

// TopicStats are the totals of one topic.
type TopicStats struct {
	Topic      string
	Stored     int64
	Duplicates int64
	Conflicts  int64
	// FirstSeen and LastSeen are when the first and the latest event of the
	// topic arrived, including repeats, by the store's clock.
	FirstSeen time.Time
	LastSeen  time.Time
}

// TopicQuery selects rows of [StatsReader.TopicStats]. The zero value selects all;
// the number of topics has no limit, so set Limit unless all are needed.
type TopicQuery struct {
	// Topic selects the row of this topic only, unless it is empty.
	Topic string
	// After continues after this row of an earlier result. Only Topic, Stored and
	// Duplicates are used. The zero value starts with the first row.
	After TopicStats
	// Limit is the maximum number of rows, 0 for no limit.
	Limit int
}

// Record is a stored event.
type Record struct {
	event.Event
	// CreatedAt is when the store received the event, by the store's clock, in
	// UTC and whole microseconds. It does not define the order; Position does.
	CreatedAt time.Time
	// Position is the event's position in the order of the store.
	Position Position
}

// Filter selects events to read. The zero Filter selects all.
type Filter struct {
	// Topic and Source must match exactly, unless they are empty.
	Topic  string
	Source string
	// ID must match Event.ID exactly, unless it is empty. Events of several
	// topics can have the same ID. With a Topic the store looks up one key.
	// Without one it looks up a key in each topic.
	ID string
	// Since (inclusive) and Until (exclusive) bound Record.CreatedAt, unless
	// they are zero.
	Since time.Time
	Until time.Time
}
