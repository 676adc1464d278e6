package follow

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// tail reads the end of the store for all followers that share it, and keeps the
// last events. It knows every event after low up to high, and none beyond.
type tail struct {
	users int // under the feed's lock
	stop  context.CancelFunc

	mu        sync.RWMutex
	ready     bool // low and high are known
	low, high store.Position
	recent    []entry
	bytes     int
	changed   chan struct{} // closed when anything above has changed
	err       error         // ends the tail: its store is another one by now
}

// entry is an event as followers get it, with what filters look at.
type entry struct {
	position      store.Position
	topic, source string
	created       time.Time
	text          []byte
}

// size is about what an entry takes in memory.
func (e *entry) size() int { return len(e.text) + len(e.topic) + len(e.source) + 128 }

// startTail starts a reader that ends when its last follower has left.
func (f *Hub) startTail() *tail {
	ctx, cancel := context.WithCancel(context.Background())
	t := &tail{stop: cancel, changed: make(chan struct{})}
	select {
	case <-f.options.Committed: // from when nobody followed; the first read has it
	default:
	}
	go f.run(ctx, t)
	return t
}

// How the tail reads: no sooner again than gather, so that many commits are one
// read; a failing store is asked less often.
const (
	tailEvents = 1000
	gather     = 5 * time.Millisecond
	failing    = 500 * time.Millisecond
)

func (f *Hub) run(ctx context.Context, t *tail) {
	failed := false
	for ctx.Err() == nil {
		full, err := f.advance(ctx, t)
		switch {
		case errors.Is(err, store.ErrForeignPosition):
			t.fail(err)
			return
		case err != nil:
			if !failed && ctx.Err() == nil {
				f.options.Logger.WarnContext(ctx, "reading for followers fails", slog.String("error", err.Error()))
			}
			failed = true
			pause(ctx, failing)
			continue
		case failed:
			f.options.Logger.InfoContext(ctx, "reading for followers works again")
			failed = false
		}
		f.await(ctx, full)
	}
}

// readTimeout is how long one read may take.
const readTimeout = 15 * time.Second

// advance reads the next events, and reports whether there may be more at once.
func (f *Hub) advance(ctx context.Context, t *tail) (full bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if !t.ready {
		settled, err := f.reader.StableHead(ctx)
		if err == nil {
			t.begin(settled)
		}
		return false, err
	}
	records, next, err := f.reader.Newer(ctx, store.Filter{}, t.high, tailEvents)
	if err != nil || next == t.high {
		return false, err
	}
	t.add(f.encode(records), next, f.options.RecentBytes)
	return len(records) == tailEvents, nil
}

// await returns when it is worth reading again: at once where the last read was
// full.
func (f *Hub) await(ctx context.Context, full bool) {
	wait := f.options.Poll
	if full {
		wait = 0
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-f.options.Committed:
		f.stored.Store(int64(time.Since(f.began)))
		if !full {
			pause(ctx, gather)
		}
	case <-timer.C:
	case <-ctx.Done():
	}
}

// encode turns records into entries, whose texts share one array.
func (f *Hub) encode(records []store.Record) []entry {
	var text []byte
	ends := make([]int, len(records))
	for i := range records {
		text = f.options.Encode(text, records[i])
		ends[i] = len(text)
	}
	entries, begin := make([]entry, len(records)), 0
	for i, r := range records {
		entries[i] = entry{
			position: r.Position, topic: r.Topic, source: r.Source, created: r.CreatedAt,
			text: text[begin:ends[i]:ends[i]],
		}
		begin = ends[i]
	}
	return entries
}

func (t *tail) begin(at store.Position) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.ready, t.low, t.high = true, at, at
	t.tell()
}

// add appends entries, after which everything up to high is known, and forgets
// the oldest beyond the bound.
func (t *tail) add(entries []entry, high store.Position, bound int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range entries {
		t.bytes += entries[i].size()
	}
	t.recent = append(t.recent, entries...)
	forget := 0
	for t.bytes > bound && forget < len(t.recent) {
		t.low = t.recent[forget].position
		t.bytes -= t.recent[forget].size()
		forget++
	}
	clear(t.recent[:forget]) // the array behind the slice would hold their texts
	t.recent = t.recent[forget:]
	t.high = high
	t.tell()
}

func (t *tail) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
	t.tell()
}

// tell wakes all who wait; the caller holds the lock.
func (t *tail) tell() {
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *tail) failed() error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.err
}

// pause returns after d, or when ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
