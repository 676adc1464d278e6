package follow

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// Options configure a [Hub]. Encode is required. For every other field the zero
// value means the default.
type Options struct {
	// Encode appends the text that followers get for an event. The hub calls it
	// once per event, however many followers there are.
	Encode func(dst []byte, record store.Record) []byte
	// Committed receives a value after this process committed events, at most
	// one for many commits; see [store.NotifyOnCommit]. Without it the hub
	// finds new events only by polling.
	Committed <-chan struct{}
	// RecentBytes is the maximum size of the recent events kept for followers,
	// default 8 MiB.
	RecentBytes int
	// MaxFollowers is the maximum number of followers, default 1,000. When it
	// is reached, Join returns [store.ErrOverloaded].
	MaxFollowers int
	// Poll is the interval at which the hub looks for events that other
	// processes committed, default 50 ms. It polls only while there are
	// followers.
	Poll time.Duration
	// Logger records store failures and recoveries. The default discards them.
	Logger *slog.Logger
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
	o.RecentBytes = cmp.Or(o.RecentBytes, 8<<20)
	o.MaxFollowers = cmp.Or(o.MaxFollowers, 1000)
	o.Poll = cmp.Or(o.Poll, 50*time.Millisecond)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// maxPageReaders is how many followers may read pages of their own at once. More
// would use up the connections of other readers.
const maxPageReaders = 2

// Hub distributes the events of one store. Make one with [New]. After all its
// followers have left there is nothing to close.
type Hub struct {
	reader  store.EventReader
	options Options

	mu        sync.Mutex
	current   *tail // shared by new followers; nil without followers
	followers int

	pageReaders chan struct{} // holds a value for each page being read
	budget      cpuBudget
	buffers     sync.Pool // of *[]byte
}

// New returns a hub for the events of reader.
func New(reader store.EventReader, options Options) *Hub {
	h := &Hub{
		reader: reader, options: options.WithDefaults(),
		pageReaders: make(chan struct{}, maxPageReaders), budget: cpuBudget{began: time.Now()},
	}
	h.buffers.New = func() any { return new(make([]byte, 0, chunkBytes)) }
	return h
}

// Followers returns the current number of followers.
func (h *Hub) Followers() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.followers
}

// Start returns the position from which a follower gets the last stable events
// that match, at most last of them, and then every later one.
func (h *Hub) Start(ctx context.Context, filter store.Filter, last int) (store.Position, error) {
	head, err := h.reader.StableHead(ctx)
	if err != nil || last == 0 || head.IsZero() {
		return head, err
	}
	// Look for one event more: its position has a known fingerprint.
	start, wanted := head, last+1
	for wanted > 0 {
		records, more, err := h.reader.Older(ctx, filter, start, wanted)
		if err != nil {
			return store.Position{}, err
		}
		if len(records) > 0 {
			start = records[len(records)-1].Position
		}
		if wanted -= len(records); !more {
			break
		}
	}
	if wanted > 0 && start != head { // no such event: start just before the first one
		start.Seq--
		start.Fingerprint = 0
	}
	return start, nil
}

// Join starts to follow the events after a position that match. It reads the
// first page, so errors of the store are returned at once: among them
// [store.ErrForeignPosition], [store.ErrDropped], and [store.ErrOverloaded] if there are
// MaxFollowers already. The caller must call [Follower.Leave]. A filter with an ID is an
// error: no second event will have this key, and the hub keeps no IDs.
//
// memory limits the memory of long events: an event may have a megabyte, and a thousand
// followers that don't read would hold a gigabyte. If there is no memory for the first
// page, Join returns the error of memory. nil means no limit.
func (h *Hub) Join(ctx context.Context, filter store.Filter, after store.Position, memory Memory) (*Follower, error) {
	if filter.ID != "" {
		return nil, errFilterByID
	}
	t, err := h.enter() //nolint:contextcheck // the tail ends with its last follower, not with its first
	if err != nil {
		return nil, err
	}
	follower := &Follower{
		hub: h, tail: t, filter: filter, page: pageEvents, position: after, returned: after,
		cpu: reservation{budget: &h.budget}, memory: memory,
	}
	if memory != nil {
		follower.page = firstPageEvents
	}
	if err := follower.readPage(ctx); err != nil {
		follower.Leave()
		return nil, err
	}
	return follower, nil
}

func (h *Hub) enter() (*tail, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.followers >= h.options.MaxFollowers {
		return nil, &store.RetryError{
			Err:   fmt.Errorf("follow events: %d followers: %w", h.followers, store.ErrOverloaded),
			After: retryWhenFull,
		}
	}
	if h.current == nil || h.current.failed() != nil {
		h.current = h.startTail()
	}
	h.followers++
	h.current.users++
	return h.current, nil
}

var errFilterByID = errors.New("follow events: a follower can't select an event ID (read the event instead)")

// retryWhenFull is when a client should try again after Join returned
// ErrOverloaded.
const retryWhenFull = 10 * time.Second

func (h *Hub) leave(t *tail) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.followers--
	t.users--
	if t.users > 0 {
		return
	}
	t.stop()
	if h.current == t {
		h.current = nil
	}
}

// matches reports whether an event passes the filter, with the same result as
// in the store.
func matches(filter store.Filter, topic, source string, created time.Time) bool {
	return (filter.Topic == "" || filter.Topic == topic) && (filter.Source == "" || filter.Source == source) &&
		(filter.Since.IsZero() || !created.Before(filter.Since)) && (filter.Until.IsZero() || created.Before(filter.Until))
}
