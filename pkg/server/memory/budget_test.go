package memory

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

var errFull = fmt.Errorf("memory of a test: %w", store.ErrOverloaded)

func TestBudget_ReserveAndRelease(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	b := NewBudget(100, errFull, func() time.Time { return now })
	steps := []struct {
		what    string
		reserve int64
		release int64
		pass    time.Duration
		full    bool
		after   time.Duration // the wait that the error asks for
	}{
		{what: "a request that is alone gets more than the limit", reserve: 300},
		{what: "and blocks all others", reserve: 1, full: true, after: time.Second},
		{what: "until it is done", release: 300},
		{what: "others get memory up to the limit", reserve: 100},
		{what: "and not beyond", reserve: 1, full: true, after: time.Second},
		{what: "after a slow drain", release: 10, pass: 10 * time.Second},
		{what: "the wait grows", reserve: 11, full: true, after: 2900 * time.Millisecond},
		{what: "a request that fits gets memory all the same", reserve: 10},
	}
	for _, step := range steps {
		now = now.Add(step.pass)
		b.Release(step.release)
		if step.reserve == 0 {
			continue
		}
		err := b.Reserve(step.reserve, 0)
		if errors.Is(err, store.ErrOverloaded) != step.full || (err != nil) != step.full {
			t.Fatalf("%s: %v", step.what, err)
		}
		if got := store.RetryAfter(err, 0); step.full && (got < step.after || got > 2*step.after+100*time.Millisecond) { // spread, so that clients do not return together
			t.Errorf("%s: wait %s, want %s to twice that", step.what, got, step.after)
		}
	}
}

// TestBudget_LargeBodiesLeaveRoomForSmallOnes: requests that need much can't take
// the last quarter.
func TestBudget_LargeBodiesLeaveRoomForSmallOnes(t *testing.T) {
	t.Parallel()
	b := NewBudget(32<<20, errFull, time.Now)
	if err := b.Reserve(24<<20, 0); err != nil {
		t.Fatal(err)
	}
	if err := b.Admit(SmallShare + 1); !errors.Is(err, errFull) {
		t.Errorf("a large body beside 24 of 32 MiB: %v", err)
	}
	for range 8 << 20 / SmallShare {
		if err := b.Reserve(SmallShare, 0); err != nil {
			t.Errorf("a small body: %v", err)
		}
	}
	if err := b.Reserve(1, 0); !errors.Is(err, store.ErrOverloaded) {
		t.Errorf("a byte beyond the limit: %v", err)
	}
}
