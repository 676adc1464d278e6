package simulation

import (
	"context"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// faultyStore is a store in memory whose calls fail in every way that the contract
// allows. It counts as the contract says, so a wrong count is a caller's fault.
type faultyStore struct {
	faults *faults

	mu         sync.Mutex
	order      []event.Event // in the order of the commits
	keys       map[event.Key]bool
	deliveries map[store.DeliveryID]bool
	duplicates int64
}

func newFaultyStore(f *faults) *faultyStore {
	return &faultyStore{faults: f, keys: map[event.Key]bool{}, deliveries: map[store.DeliveryID]bool{}}
}

// Append implements [store.Appender].
func (s *faultyStore) Append(ctx context.Context, events []event.Event) (outcomes []event.Outcome, err error) {
	err = s.faults.call(ctx, "append "+events[0].ID, func() { outcomes = s.commit(events) })
	if err != nil {
		return nil, err
	}
	return outcomes, nil
}

// commit stores and counts events. The caller need not hold the lock.
func (s *faultyStore) commit(events []event.Event) []event.Outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.commitLocked(events)
}

func (s *faultyStore) commitLocked(events []event.Event) []event.Outcome {
	outcomes := make([]event.Outcome, len(events))
	for i, e := range events {
		if s.keys[e.Key()] {
			s.duplicates++
			outcomes[i] = event.Duplicate
			continue
		}
		s.keys[e.Key()] = true
		s.order = append(s.order, e)
		outcomes[i] = event.Stored
	}
	return outcomes
}

// Receive implements [store.Receiver].
func (s *faultyStore) Receive(ctx context.Context, deliveries []store.Delivery) (received store.Received, err error) {
	err = s.faults.call(ctx, "receive "+deliveries[0].Events[0].ID, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, d := range deliveries {
			if s.deliveries[d.ID] {
				received.Redelivered += int64(len(d.Events))
				continue
			}
			s.deliveries[d.ID] = true
			for _, outcome := range s.commitLocked(d.Events) {
				if outcome == event.Stored {
					received.Stored++
				} else {
					received.Duplicates++
				}
			}
		}
	})
	if err != nil {
		return store.Received{}, err
	}
	return received, nil
}

// Known implements [store.Receiver].
func (s *faultyStore) Known(ctx context.Context, ids []store.DeliveryID) (known []bool, err error) {
	err = s.faults.call(ctx, "known", func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, id := range ids {
			known = append(known, s.deliveries[id])
		}
	})
	return known, err
}

// Forget implements [store.Receiver]. No run is as long as a delivery is remembered.
func (s *faultyStore) Forget(context.Context, time.Time) (int64, error) { return 0, nil }

// Ping reports whether the store is down.
func (s *faultyStore) Ping(ctx context.Context) error { return s.faults.call(ctx, "ping", func() {}) }

// Newer implements [store.EventReader] for followers of all events. A position is the
// number of events before it.
func (s *faultyStore) Newer(ctx context.Context, _ store.Filter, after store.Position, limit int) (records []store.Record, next store.Position, err error) {
	err = s.faults.call(ctx, fmt.Sprint("newer ", after), func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for at := after.Commit; at < uint64(len(s.order)) && len(records) < limit; at++ {
			records = append(records, store.Record{Event: s.order[at], Position: store.Position{Commit: at + 1}})
		}
	})
	if err != nil || len(records) == 0 {
		return nil, after, err
	}
	return records, records[len(records)-1].Position, nil
}

// Older implements [store.EventReader]. Followers that start at the beginning need it not.
func (s *faultyStore) Older(context.Context, store.Filter, store.Position, int) ([]store.Record, bool, error) {
	return nil, false, nil
}

// Event implements [store.EventReader]. Nobody reads a single event.
func (s *faultyStore) Event(context.Context, event.Key) (store.Record, error) {
	return store.Record{}, store.ErrNotFound
}

// StableHead implements [store.EventReader].
func (s *faultyStore) StableHead(context.Context) (store.Position, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return store.Position{Commit: uint64(len(s.order))}, nil
}

// faults decides what becomes of calls. The zero outages and chance make all succeed.
type faults struct {
	seed   uint64
	chance int       // in percent
	end    time.Time // no fault begins later
	down   []outage

	mu    sync.Mutex
	calls map[string]uint64 // of the same text so far
}

// outage is a time in which no call reaches the server.
type outage struct{ begin, end time.Time }

// random returns the generator for one call: the third call about an event always gets
// the same numbers, whatever runs beside it.
func (f *faults) random(about string) *rand.Rand {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[about]++
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(about))
	return rand.New(rand.NewPCG(f.seed^hash.Sum64(), f.calls[about]))
}

func (f *faults) isDown() bool {
	now := time.Now()
	for _, o := range f.down {
		if now.After(o.begin) && now.Before(o.end) {
			return true
		}
	}
	return false
}

// call runs one call: it takes time, is executed or not, and its response arrives or not.
func (f *faults) call(ctx context.Context, about string, execute func()) error {
	r := f.random(about)
	if !sleep(ctx, between(r, 0, 3*time.Millisecond)) {
		return ctx.Err()
	}
	if f.isDown() {
		return store.NotReached(store.ErrUnavailable)
	}
	if time.Now().After(f.end) || r.IntN(100) >= f.chance {
		execute()
		sleep(context.WithoutCancel(ctx), between(r, 0, 5*time.Millisecond))
		return nil
	}
	executed := r.IntN(2) == 0
	if executed {
		execute()
	}
	switch kind := r.IntN(4); {
	case kind == 0: // hangs until the caller gives up, or for seconds
		if !sleep(ctx, between(r, 0, 20*time.Second)) {
			return ctx.Err()
		}
		return store.ErrUnavailable
	case kind == 1 && !executed:
		return store.NotReached(store.ErrUnavailable)
	case kind == 2 && !executed:
		return &store.RetryError{Err: store.ErrOverloaded, After: between(r, 0, time.Second)}
	default:
		return store.ErrUnavailable
	}
}

func between(r *rand.Rand, low, high time.Duration) time.Duration {
	return low + time.Duration(r.Int64N(int64(high-low)+1))
}

// sleep waits, and reports whether the context lasted.
func sleep(ctx context.Context, d time.Duration) bool {
	select {
	case <-time.After(d):
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}
