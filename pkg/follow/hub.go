package follow

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// Options say what a Hub gives out and within which limits. Encode is required;
// the zero value of every other field stands for its default.
type Options struct {
	// Encode appends the text in which followers get an event.
	Encode func(dst []byte, record store.Record) []byte
	// Committed is received from after events were committed by this process,
	// and may have one value for many commits; see [Announce]. Without it new
	// events are found by Poll alone.
	Committed <-chan struct{}
	// RecentBytes bounds the texts that are kept for followers at the end,
	// default 8 MiB.
	RecentBytes int
	// MaxFollowers is how many may follow at once, default 1,000.
	MaxFollowers int
	// Poll is how often the store is asked for what other processes have
	// committed, while anybody follows; default 50 ms.
	Poll time.Duration
	// Logger hears of the store failing and recovering, default nobody.
	Logger *slog.Logger
}

func (o Options) withDefaults() Options {
	o.RecentBytes = cmp.Or(o.RecentBytes, 8<<20)
	o.MaxFollowers = cmp.Or(o.MaxFollowers, 1000)
	o.Poll = cmp.Or(o.Poll, 50*time.Millisecond)
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// catchingUp is how many followers may read pages of their own at once. More
// would take the connections from everybody else who reads.
const catchingUp = 2

// Hub hands out the events of one store. Make one with [New]; it has nothing to
// close once all its followers have left.
type Hub struct {
	reader  store.EventReader
	options Options

	mu        sync.Mutex
	current   *tail // what new followers share; nil while nobody follows
	followers int

	reading chan struct{} // holds a value for each page being read
	share   share
	began   time.Time
	stored  atomic.Int64 // how long after began this process committed last, in nanoseconds
	buffers sync.Pool    // of *[]byte
}

// New returns a feed of reader's events.
func New(reader store.EventReader, options Options) *Hub {
	f := &Hub{
		reader: reader, options: options.withDefaults(),
		reading: make(chan struct{}, catchingUp), began: time.Now(),
	}
	f.buffers.New = func() any { return new(make([]byte, 0, chunkBytes)) }
	return f
}

// Followers is how many follow now.
func (f *Hub) Followers() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.followers
}

// Start returns the position from which a follower gets first the last so many
// settled events that match, and then every later one.
func (f *Hub) Start(ctx context.Context, filter store.Filter, last int) (store.Position, error) {
	settled, err := f.reader.StableHead(ctx)
	if err != nil || last == 0 || settled.IsZero() {
		return settled, err
	}
	// The event before them is a place whose mark is known.
	start, wanted := settled, last+1
	for wanted > 0 {
		records, more, err := f.reader.Older(ctx, filter, start, wanted)
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
	if wanted > 0 && start != settled { // there is none: the place before the first of them
		start.Seq--
		start.Fingerprint = 0
	}
	return start, nil
}

// Join begins to follow the events that match and lie after a position. The
// first page is read here, so that errors of the store come at once: among them
// [store.ErrForeignPosition], and [store.ErrOverloaded] where MaxFollowers are there.
// The caller must leave again.
func (f *Hub) Join(ctx context.Context, filter store.Filter, after store.Position) (*Follower, error) {
	t, err := f.enter() //nolint:contextcheck // the tail ends with its last follower, not with its first
	if err != nil {
		return nil, err
	}
	follower := &Follower{feed: f, tail: t, filter: filter, page: pageEvents, position: after, reached: after}
	if err := follower.readPage(ctx); err != nil {
		follower.Leave()
		return nil, err
	}
	return follower, nil
}

func (f *Hub) enter() (*tail, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.followers >= f.options.MaxFollowers {
		return nil, &store.RetryError{
			Err:   fmt.Errorf("follow events: %d followers: %w", f.followers, store.ErrOverloaded),
			After: retryFull,
		}
	}
	if f.current == nil || f.current.failed() != nil {
		f.current = f.startTail()
	}
	f.followers++
	f.current.users++
	return f.current, nil
}

// retryFull is when a follower that finds no place should ask again.
const retryFull = 10 * time.Second

func (f *Hub) leave(t *tail) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.followers--
	t.users--
	if t.users > 0 {
		return
	}
	t.stop()
	if f.current == t {
		f.current = nil
	}
}

// quiet is how long after the last commit there is no storing to be spared.
const quiet = time.Second

func (f *Hub) storing() bool {
	stored := f.stored.Load()
	return stored != 0 && time.Since(f.began)-time.Duration(stored) <= quiet
}

// matches reports whether a filter lets an event through, as the store would.
func matches(filter store.Filter, topic, source string, created time.Time) bool {
	return (filter.Topic == "" || filter.Topic == topic) && (filter.Source == "" || filter.Source == source) &&
		(filter.Since.IsZero() || !created.Before(filter.Since)) && (filter.Until.IsZero() || created.Before(filter.Until))
}
