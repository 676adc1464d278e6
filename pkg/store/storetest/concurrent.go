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

// ledger records the outcomes for each key.
type ledger struct {
	mu         sync.Mutex
	winner     map[event.Key]event.Event // the event with the outcome Stored
	stored     map[event.Key]int
	outcomes   int64
	duplicates int64
	conflicts  int64
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
		l.outcomes++
		switch outcomes[i] {
		case event.Stored:
			l.stored[e.Key()]++
			l.winner[e.Key()] = e
		case event.Duplicate:
			l.duplicates++
		case event.Conflict:
			l.duplicates++
			l.conflicts++
		default:
			return fmt.Errorf("outcome %v for %q", outcomes[i], e.Key())
		}
	}
	return nil
}

// checkWinners fails unless every key had the outcome Stored once, and the store
// keeps the event that had it.
func (l *ledger) checkWinners(t *testing.T, s store.Store, keys int) {
	t.Helper()
	if len(l.stored) != keys {
		t.Errorf("%d keys had the outcome stored, want %d", len(l.stored), keys)
	}
	for key, times := range l.stored {
		if times != 1 {
			t.Errorf("%q had the outcome stored %d times", key, times)
		}
		if record := mustEvent(t, s, key); record.Event != l.winner[key] {
			t.Errorf("%q is kept as %+v, want the event with the outcome stored", key, record.Event)
		}
	}
}

// oppositeOrders has many concurrent writers append the same keys forwards,
// backwards and shuffled. Databases deadlock in this case.
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
	if stats := checkExact(t, s); stats.Received != l.outcomes || stats.Duplicates != l.duplicates || stats.Conflicts != l.duplicates || l.conflicts != l.duplicates {
		t.Errorf("counted %+v, but %d outcomes, %d of them duplicates and %d conflicts; want all duplicates to be conflicts",
			stats, l.outcomes, l.duplicates, l.conflicts)
	}
}

// load is a group of writers that run while a test reads.
type load struct {
	ledger *ledger
	done   chan struct{} // closed when the writers have ended
	err    error         // valid then
}

// startLoad appends batches of one topic from several writers. Every key is
// appended twice, possibly by different writers.
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

// active reports whether the writers are still running.
func (l *load) active() bool {
	select {
	case <-l.done:
		return false
	default:
		return true
	}
}

// wait waits for the writers and returns their outcomes.
func (l *load) wait(t *testing.T) *ledger {
	t.Helper()
	<-l.done
	if l.err != nil {
		t.Fatalf("append under load: %v", l.err)
	}
	return l.ledger
}

// statsUnderLoad reads the counters during appends. Every result must be one
// consistent moment.
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
			t.Errorf("%d events are stored, but the counters before and after are %d and %d", rows, stats.Stored, last.Stored)
		}
	}
	results := l.wait(t)
	results.checkWinners(t, s, batches*size)
	if stats := checkExact(t, s); stats.Received != results.outcomes || stats.Duplicates != results.duplicates {
		t.Errorf("counted %+v, but %d outcomes, %d of them duplicates", stats, results.outcomes, results.duplicates)
	}
}

// pagingUnderLoad pages through the events during appends. It gets no event
// twice, and every event that was stored before it started.
func pagingUnderLoad(t *testing.T, h Harness) {
	s := h.Open(t)
	earlier := newEvents("before", 300)
	mustAppend(t, s, earlier...)
	l := startLoad(t, s, "load", 4, 60, 20)
	for l.active() {
		seen := map[event.Key]bool{}
		records := walk(t, s, store.Filter{}, store.Position{}, 37)
		for _, record := range records {
			if seen[record.Key()] {
				t.Fatalf("the pages have %q twice", record.Key())
			}
			seen[record.Key()] = true
		}
		for _, e := range earlier {
			if !seen[e.Key()] {
				t.Fatalf("the pages miss %q, which was stored before", e.Key())
			}
		}
		checkAscending(t, reversed(records))
	}
	l.wait(t)
	checkExact(t, s)
}
