package follow

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// tail reads the end of the store for the followers that share it, and keeps the
// recent events. It knows every event after low up to high, and none after high.
type tail struct {
	users int // under the hub's lock
	stop  context.CancelFunc

	mu        sync.RWMutex
	ready     bool // low and high are known
	low, high store.Position
	recent    []entry
	bytes     int
	changed   chan struct{} // closed when any field above has changed
	err       error         // the tail has ended because the store's data was replaced
}

// entry is an event as followers get it, with the fields of filters.
type entry struct {
	position      store.Position
	topic, source string
	created       time.Time
	text          []byte
}

// size returns about how much memory an entry takes.
func (e *entry) size() int { return len(e.text) + len(e.topic) + len(e.source) + 128 }

// startTail starts a reader that ends when its last follower has left.
func (h *Hub) startTail() *tail {
	ctx, cancel := context.WithCancel(context.Background())
	t := &tail{stop: cancel, changed: make(chan struct{})}
	select {
	case <-h.options.Committed: // a commit from before this follower; the first read includes it
	default:
	}
	go h.run(ctx, t)
	return t
}

const (
	// tailEvents is the maximum number of events that the tail reads at once.
	tailEvents = 1000
	// gatherTime is how long the tail waits after a commit, so that one read
	// serves many commits.
	gatherTime = 5 * time.Millisecond
	// retryDelay is the pause after a failed read.
	retryDelay = 500 * time.Millisecond
	// readTimeout is the time limit of one read.
	readTimeout = 15 * time.Second
)

func (h *Hub) run(ctx context.Context, t *tail) {
	failed := false
	dependency := slog.String("dependency", "database")
	for ctx.Err() == nil {
		full, err := h.advance(ctx, t)
		switch {
		case lost(err):
			t.fail(err)
			return
		case err != nil:
			if !failed && ctx.Err() == nil {
				h.options.Logger.WarnContext(ctx, "read for followers failed", dependency,
					slog.String("consequence", "event streams wait and miss nothing"), slog.String("error", err.Error()))
			}
			failed = true
			_ = retry.Sleep(ctx, retryDelay)
			continue
		case failed:
			h.options.Logger.InfoContext(ctx, "read for followers succeeded again", dependency)
			failed = false
		}
		h.await(ctx, full)
	}
}

// lost reports whether no read after the position can succeed any more.
func lost(err error) bool {
	return errors.Is(err, store.ErrForeignPosition) || errors.Is(err, store.ErrDropped)
}

// advance reads the next events and reports whether there may be more.
func (h *Hub) advance(ctx context.Context, t *tail) (full bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	if !t.ready {
		head, err := h.reader.StableHead(ctx)
		if err == nil {
			t.begin(head)
		}
		return false, err
	}
	records, next, err := h.reader.Newer(ctx, store.Filter{}, t.high, tailEvents)
	if err != nil || next == t.high {
		return false, err
	}
	t.add(h.encode(records), next, h.options.RecentBytes)
	return len(records) == tailEvents, nil
}

// await waits until it is worth reading again. It does not wait if the last
// read was full.
func (h *Hub) await(ctx context.Context, full bool) {
	wait := h.options.Poll
	if full {
		wait = 0
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-h.options.Committed:
		h.budget.recordCommit()
		if !full {
			_ = retry.Sleep(ctx, gatherTime)
		}
	case <-timer.C:
	case <-ctx.Done():
	}
}

// encode turns records into entries whose texts share one array.
func (h *Hub) encode(records []store.Record) []entry {
	var text []byte
	ends := make([]int, len(records))
	for i := range records {
		text = h.options.Encode(text, records[i])
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
	t.notify()
}

// add appends entries and advances the tail to high. It drops the oldest entries
// until all together have at most maxBytes.
func (t *tail) add(entries []entry, high store.Position, maxBytes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range entries {
		t.bytes += entries[i].size()
	}
	t.recent = append(t.recent, entries...)
	drop := 0
	for t.bytes > maxBytes && drop < len(t.recent) {
		t.low = t.recent[drop].position
		t.bytes -= t.recent[drop].size()
		drop++
	}
	clear(t.recent[:drop]) // otherwise the array would keep their texts
	t.recent = t.recent[drop:]
	t.high = high
	t.notify()
}

func (t *tail) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.err = err
	t.notify()
}

// notify wakes all waiting followers. The caller holds the lock.
func (t *tail) notify() {
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *tail) failed() error {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.err
}
