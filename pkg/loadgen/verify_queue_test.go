package loadgen

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestVerify_QueuedEvents(t *testing.T) {
	t.Parallel()
	target, queued := newMemoryStore(), 0
	target.after = func(_ int, _ []event.Event, outcomes []event.Outcome) ([]event.Outcome, error) {
		for i := range outcomes {
			queued++
			if queued%3 == 0 {
				outcomes[i] = event.Queued
			}
		}
		return outcomes, nil
	}
	g := thousand(t)
	proof := verified(t, target, g, VerifyOptions{}, nil)
	if !proof.Holds || proof.Queued != 333 || proof.Keys != 700 || proof.Repeats() != 300 || proof.Stored != 700-proof.StoredQueued {
		t.Errorf("proof %+v", proof)
	}
	lost := g.Key(123)
	proof = verified(t, newMemoryStore(), g, VerifyOptions{}, nil)
	if !proof.Holds {
		t.Fatalf("proof %+v", proof)
	}
	target = newMemoryStore()
	target.after = func(_ int, _ []event.Event, outcomes []event.Outcome) ([]event.Outcome, error) {
		for i := range outcomes {
			outcomes[i] = event.Queued
		}
		return outcomes, nil
	}
	proof = verified(t, target, g, VerifyOptions{}, func() { delete(target.records, lost) })
	if proof.Holds || proof.Violations != 1 || proof.Offenders[0].Problem != ProblemMissing {
		t.Errorf("a queued event that was never stored is not reported: %+v", proof)
	}
}

// A key without the scope metrics can't see how many events are queued, so Verify waits for
// each of them.
func TestVerify_WaitsForQueuedEvents(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		stored time.Duration // when the worker stores the event; 0: never
		took   time.Duration
		holds  bool
	}{
		"an event that is stored later": {5 * time.Second, 5200 * time.Millisecond, true},
		"an event that is never stored": {0, 10200 * time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				target, ledger := newMemoryStore(), &Ledger{}
				target.after = func(_ int, _ []event.Event, outcomes []event.Outcome) ([]event.Outcome, error) {
					return slices.Repeat([]event.Outcome{event.Queued}, len(outcomes)), nil
				}
				g := mustGenerator(t, GeneratorOptions{Count: 2})
				report, err := New(target, g.Source(), Options{Ledger: ledger}).Run(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				began := time.Now()
				late := &lateReader{memoryStore: target, key: g.Key(0), from: began.Add(row.stored), never: row.stored == 0}
				proof, err := Verify(t.Context(), report.Counts, ledger, g, late,
					VerifyOptions{Concurrency: 1, RetryFor: 10 * time.Second, AwaitQueued: true, Jitter: noBackoff})
				if err != nil || proof.Holds != row.holds {
					t.Errorf("proof %+v, %v", proof, err)
				}
				if took := time.Since(began); took != row.took {
					t.Errorf("took %v, want %v", took, row.took)
				}
			})
		})
	}
}

// lateReader does not find one event before a time.
type lateReader struct {
	*memoryStore
	key   event.Key
	from  time.Time
	never bool
}

func (r *lateReader) Event(ctx context.Context, key event.Key) (store.Record, error) {
	if key == r.key && (r.never || !time.Now().After(r.from)) {
		return store.Record{}, store.ErrNotFound
	}
	return r.memoryStore.Event(ctx, key)
}
