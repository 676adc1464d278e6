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
		client  string
		reserve int64
		release int64
		pass    time.Duration
		full    bool
		after   time.Duration // the wait that the error asks for
	}{
		{what: "a request that is alone gets more than the limit", client: "a", reserve: 300},
		{what: "and blocks all others", client: "b", reserve: 1, full: true, after: time.Second},
		{what: "until it is done", client: "a", release: 300},
		{what: "a request that is alone gets all", client: "a", reserve: 100},
		{what: "and others get nothing beyond", client: "b", reserve: 1, full: true, after: time.Second},
		{what: "after a slow drain", client: "a", release: 40, pass: 10 * time.Second},
		{what: "the wait grows, since only half of what is free is for this client", client: "b", reserve: 21, full: true, after: 1450 * time.Millisecond},
		{what: "a request that fits gets memory all the same", client: "b", reserve: 20},
		{what: "a third client gets a part of the rest", client: "c", reserve: 10},
		{what: "the first client gets nothing more", client: "a", reserve: 1, full: true, after: 1450 * time.Millisecond},
	}
	for _, step := range steps {
		now = now.Add(step.pass)
		b.Release(step.client, step.release)
		if step.reserve == 0 {
			continue
		}
		err := b.Reserve(step.client, step.reserve, 0)
		if errors.Is(err, store.ErrOverloaded) != step.full || (err != nil) != step.full {
			t.Fatalf("%s: %v", step.what, err)
		}
		if got := store.RetryAfter(err, 0); step.full && (got < step.after || got > 40*time.Second) { // spread, so that clients do not return together
			t.Errorf("%s: wait %s, want at least %s", step.what, got, step.after)
		}
	}
}

// TestBudget_LargeBodiesLeaveRoomForSmallOnes: requests that need much can't take
// all that their client may have.
func TestBudget_LargeBodiesLeaveRoomForSmallOnes(t *testing.T) {
	t.Parallel()
	b := NewBudget(32<<20, errFull, time.Now)
	if err := b.Reserve("a", 18<<20, 0); err != nil {
		t.Fatal(err)
	}
	if err := b.Admit("a", SmallShare+1); !errors.Is(err, errFull) {
		t.Errorf("a large body beside 18 of 32 MiB: %v", err)
	}
	for range 6 << 20 / SmallShare {
		if err := b.Reserve("a", SmallShare, 0); err != nil {
			t.Errorf("a small body: %v", err)
		}
	}
	if err := b.Reserve("a", 1, 0); !errors.Is(err, store.ErrOverloaded) {
		t.Errorf("a byte beyond three quarters: %v", err)
	}
	for range 4 << 20 / SmallShare {
		if err := b.Reserve("b", SmallShare, 0); err != nil {
			t.Errorf("a small body of another client: %v", err)
		}
	}
	if err := b.Reserve("c", SmallShare, 0); err != nil {
		t.Errorf("a small body of a third client: %v", err)
	}
}
