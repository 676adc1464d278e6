package storetest

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// ledger remembers what was answered for each key.
type ledger struct {
	mu         sync.Mutex
	winner     map[event.Key]event.Event // whose append was answered Stored
	stored     map[event.Key]int
	answered   int64
	duplicates int64
}

func newLedger() *ledger {
	return &ledger{winner: map[event.Key]event.Event{}, stored: map[event.Key]int{}}
}

func (l *ledger) note(events []event.Event, outcomes []event.Outcome) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(outcomes) != len(events) {
		return fmt.Errorf("%d outcomes for %d events", len(outcomes), len(events))
	}
	for i, e := range events {
		l.answered++
		switch outcomes[i] {
		case event.Stored:
			l.stored[e.Key()]++
			l.winner[e.Key()] = e
		case event.Duplicate:
			l.duplicates++
		default:
			return fmt.Errorf("outcome %v for %q", outcomes[i], e.Key())
		}
	}
	return nil
}

// checkWinners fails unless every key was answered Stored once, and is kept as
// the append that was answered so has sent it.
func (l *ledger) checkWinners(t *testing.T, s store.Store, keys int) {
	t.Helper()
	if len(l.stored) != keys {
		t.Errorf("%d keys were answered stored, want %d", len(l.stored), keys)
	}
	for key, times := range l.stored {
		if times != 1 {
			t.Errorf("%q was answered stored %d times", key, times)
		}
		if record := mustEvent(t, s, key); record.Event != l.winner[key] {
			t.Errorf("%q is kept as %+v, want that of the append that stored it", key, record.Event)
		}
	}
}

// oppositeOrders has many writers append the same keys at once, forwards,
// backwards and shuffled: the case in which databases deadlock.
func oppositeOrders(t *testing.T, h Harness) {
	s := h.Open(t)
	const writers, rounds, size = 12, 6, 40
	l := newLedger()
	group, ctx := errgroup.WithContext(t.Context())
	for writer := range writers {
		group.Go(func() error {
			random := rand.New(rand.NewPCG(uint64(writer), 1))
			for round := range rounds {
				batch := make([]event.Event, 0, 2*size)
				for _, topic := range []string{"a", "b"} {
					for _, e := range newEvents(topic, size) {
						e.ID = fmt.Sprintf("%d/%s", round, e.ID)
						e.Payload = fmt.Sprintf(`{"writer":%d}`, writer)
						batch = append(batch, e)
					}
				}
				switch writer % 3 {
				case 1:
					batch = reversed(batch)
				case 2:
					random.Shuffle(len(batch), func(i, j int) { batch[i], batch[j] = batch[j], batch[i] })
				}
				outcomes, err := s.Append(ctx, batch)
				if err != nil {
					return fmt.Errorf("writer %d: %w", writer, err)
				}
				if err := l.note(batch, outcomes); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	l.checkWinners(t, s, rounds*2*size)
	if stats := checkExact(t, s); stats.Received != l.answered || stats.Duplicates != l.duplicates {
		t.Errorf("counted %+v, but %d were answered, %d of them duplicates", stats, l.answered, l.duplicates)
	}
}

// load is writers at work beside a test.
type load struct {
	ledger *ledger
	done   chan struct{} // closed when the writers have ended
	err    error         // valid then
}

// startLoad appends batches of one topic from several writers. Every key is
// appended twice, by writers that don't know of each other.
func startLoad(t *testing.T, s store.Appender, topic string, writers, batches, size int) *load {
	t.Helper()
	l := &load{ledger: newLedger(), done: make(chan struct{})}
	group, ctx := errgroup.WithContext(t.Context())
	var next atomic.Int64
	for range writers {
		group.Go(func() error {
			for n := next.Add(1) - 1; n < int64(2*batches); n = next.Add(1) - 1 {
				batch := newEvents(topic, size)
				for i := range batch {
					batch[i].ID = fmt.Sprintf("%d/%d", n/2, i)
					batch[i].Payload = fmt.Sprintf(`{"append":%d}`, n)
				}
				outcomes, err := s.Append(ctx, batch)
				if err != nil {
					return err
				}
				if err := l.ledger.note(batch, outcomes); err != nil {
					return err
				}
			}
			return nil
		})
	}
	go func() {
		l.err = group.Wait()
		close(l.done)
	}()
	return l
}

// active reports whether the writers are still at work.
func (l *load) active() bool {
	select {
	case <-l.done:
		return false
	default:
		return true
	}
}

// wait waits for the writers and returns what they were answered.
func (l *load) wait(t *testing.T) *ledger {
	t.Helper()
	<-l.done
	if l.err != nil {
		t.Fatalf("append under load: %v", l.err)
	}
	return l.ledger
}

// statsUnderLoad reads while others append: every answer must be one moment.
func statsUnderLoad(t *testing.T, h Harness) {
	s := h.Open(t)
	const batches, size = 60, 20
	var last store.Stats
	l := startLoad(t, s, "load", 4, batches, size)
	for l.active() {
		stats := mustStats(t, s)
		if stats.Received != stats.Stored+stats.Duplicates || stats.Received < last.Received || stats.Stored < last.Stored {
			t.Errorf("counted %+v after %+v", stats, last)
		}
		rows := int64(len(walkAll(t, s)))
		if last = mustStats(t, s); rows < stats.Stored || rows > last.Stored {
			t.Errorf("%d events are stored, between counts of %d and %d", rows, stats.Stored, last.Stored)
		}
	}
	answers := l.wait(t)
	answers.checkWinners(t, s, batches*size)
	if stats := checkExact(t, s); stats.Received != answers.answered || stats.Duplicates != answers.duplicates {
		t.Errorf("counted %+v, but %d were answered, %d of them duplicates", stats, answers.answered, answers.duplicates)
	}
}

// walkUnderLoad walks while others append. A walk shows no event twice, and all
// that were there when it began.
func walkUnderLoad(t *testing.T, h Harness) {
	s := h.Open(t)
	there := newEvents("before", 300)
	mustAppend(t, s, there...)
	l := startLoad(t, s, "load", 4, 60, 20)
	for l.active() {
		seen := map[event.Key]bool{}
		records := walk(t, s, store.Filter{}, store.Position{}, 37)
		for _, record := range records {
			if seen[record.Key()] {
				t.Fatalf("a walk shows %q twice", record.Key())
			}
			seen[record.Key()] = true
		}
		for _, e := range there {
			if !seen[e.Key()] {
				t.Fatalf("a walk misses %q, which was there before it", e.Key())
			}
		}
		checkAscending(t, reversed(records))
	}
	l.wait(t)
	checkExact(t, s)
}
