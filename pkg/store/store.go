package store

import (
	"context"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

// Appender stores events exactly once.
//
// Append answers one outcome per event, in the order given. The first event
// ever committed under a key is [event.Stored]; every other one, in this
// append or any other, in this process or any other, is [event.Duplicate].
// Either outcome means that the event's key is committed: it survives a crash
// of the program, the database and the machine. A store appends all events or
// none and counts them in the same transaction.
//
// On an error nothing is known: the events may be stored or not. Appending the
// same events again is always safe, since the key decides. The error is the
// context's, or one that [errors.Is] recognises as one of this package's.
//
// Append may be called concurrently. It keeps no reference to the slice. An
// empty append succeeds and stores nothing.
type Appender interface {
	Append(ctx context.Context, events []event.Event) ([]event.Outcome, error)
}

// StatsReader tells what has been counted. Every answer is one consistent
// moment: Received equals Unique plus Duplicates, and Unique is exactly the
// number of events stored at that moment. The time an answer takes does not
// grow with the number of events.
type StatsReader interface {
	Stats(ctx context.Context) (Stats, error)
	// TopicStats returns a row per topic, most received first, ties by name.
	TopicStats(ctx context.Context) ([]TopicStats, error)
}

// PageBytes bounds what one answer of [EventReader] holds in memory, whatever
// the events are: reading ends with the event whose [event.Event.Size] brings
// the sum of the answer's to PageBytes.
const PageBytes = 8 << 20

// EventReader reads stored events.
type EventReader interface {
	// Event returns the event with that key, or [ErrNotFound].
	Event(ctx context.Context, key event.Key) (Record, error)
	// Older returns up to limit events that match and lie before a position,
	// newest first, and whether there are more before those. The zero Position
	// stands for the newest event there is: what has been appended is seen at
	// once. A walk that passes on the position of the last record of each
	// answer sees no event twice and misses none that was stored when it began.
	// An answer has fewer than limit events where they come to PageBytes, and
	// at the end; one with more behind it is never empty. A position of other
	// data is [ErrForeignPosition], as with Newer.
	Older(ctx context.Context, filter Filter, before Position, limit int) (records []Record, more bool, err error)
	// Newer returns up to limit settled events that match and lie after a
	// position, oldest first, and the position to go on from. It ends early
	// where they come to PageBytes, as Older does. A follower that passes the
	// position on sees each event once, and all followers see one order.
	// The answer is empty, without an error, while there is nothing new. A
	// position of other data, as from before a backup was restored, is
	// [ErrForeignPosition], since what a follower has missed there nobody can tell: one
	// that lies beyond everything the store has given out, or whose Mark is not
	// that of the event which is there now. No position that the store has given
	// out is ever refused while its events are there, also after a crash, and
	// also where the data was copied since.
	Newer(ctx context.Context, filter Filter, after Position, limit int) ([]Record, Position, error)
	// StableHead returns a position that parts the events for good: none will
	// ever appear before it. Older from there gives the last events, Newer
	// from there every later one.
	StableHead(ctx context.Context) (Position, error)
}

// Store is a database of events.
type Store interface {
	Appender
	Receiver
	StatsReader
	EventReader
	// Ping reports whether the store can be reached and written to:
	// nil or [ErrUnavailable].
	Ping(ctx context.Context) error
	// Close waits for calls under way and frees everything. Any call after
	// it returns [ErrClosed]; a second Close does nothing.
	Close() error
}

// Stats are the totals over all topics and instances.
type Stats struct {
	// Received counts the events answered with an outcome.
	Received int64
	// Stored counts the stored events.
	Stored int64
	// Duplicates counts the repeats that were dropped.
	Duplicates int64
	// Topics counts the topics that have a stored event.
	Topics int64
}

// TopicStats are the totals of one topic.
type TopicStats struct {
	Topic      string
	Stored     int64
	Duplicates int64
	// FirstSeen and LastSeen are when the first and the latest event of the
	// topic arrived, repeats included, by the store's clock.
	FirstSeen time.Time
	LastSeen  time.Time
}

// Record is an event as stored.
type Record struct {
	event.Event
	// CreatedAt is when the store took it, by the store's clock, in UTC and
	// whole microseconds. Order is told by Position, not by this.
	CreatedAt time.Time
	// Position is the event's place in the order of the store.
	Position Position
}

// Filter narrows what is read; its zero value lets everything through.
type Filter struct {
	// Topic and Source must match exactly, where not empty.
	Topic  string
	Source string
	// Since (inclusive) and Until (exclusive) bound Record.CreatedAt, where
	// not zero.
	Since time.Time
	Until time.Time
}
