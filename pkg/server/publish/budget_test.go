package publish

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestBudget_ReserveAndRelease(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	b := newBudget(100, func() time.Time { return now })
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
		b.release(step.release)
		if step.reserve == 0 {
			continue
		}
		err := b.reserve(step.reserve, 0)
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
	b := newBudget(32<<20, time.Now)
	if err := b.reserve(24<<20, 0); err != nil {
		t.Fatal(err)
	}
	if err := b.admit(smallShare + 1); !errors.Is(err, respond.ErrBodyMemory) {
		t.Errorf("a large body beside 24 of 32 MiB: %v", err)
	}
	for range 8 << 20 / smallShare {
		if err := b.reserve(smallShare, 0); err != nil {
			t.Errorf("a small body: %v", err)
		}
	}
	if err := b.reserve(1, 0); !errors.Is(err, store.ErrOverloaded) {
		t.Errorf("a byte beyond the limit: %v", err)
	}
}

// TestBudget_DeclaredBodiesCostNothing: clients that declare large bodies and send
// nothing leave all the memory to others.
func TestBudget_DeclaredBodiesCostNothing(t *testing.T) {
	t.Parallel()
	h := newHandler()
	for range 100 {
		if err := h.budget.admit(16 << 20); err != nil {
			t.Fatal(err)
		}
	}
	if h.BufferedBytes() != 0 {
		t.Errorf("%d bytes are in use", h.BufferedBytes())
	}
}

// TestBudget_SmallBodiesNeedNoMemory: a body that is charged nothing is accepted even
// if others hold all the memory.
func TestBudget_SmallBodiesNeedNoMemory(t *testing.T) {
	t.Parallel()
	h := newHandler()
	if err := h.budget.reserve(h.options.MaxBufferedBytes, 0); err != nil {
		t.Fatal(err)
	}
	for _, length := range []int64{-1, 200} {
		if err := newRequest(h).readBody(t.Context(), strings.NewReader(strings.Repeat("x", 200)), length, 1<<20); err != nil {
			t.Errorf("a small body of declared length %d: %v", length, err)
		}
	}
	if err := newRequest(h).readBody(t.Context(), strings.NewReader(""), freeBytes, 1<<20); !errors.Is(err, respond.ErrBodyMemory) {
		t.Errorf("a body that needs memory: %v", err)
	}
}
