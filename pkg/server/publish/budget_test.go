package publish

import (
	"errors"
	"testing"
	"time"

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
		{what: "the wait grows", reserve: 11, full: true, after: 3 * time.Second},
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
		if got := store.RetryAfter(err, 0); step.full && got.Round(time.Second) != step.after {
			t.Errorf("%s: wait %s, want %s", step.what, got, step.after)
		}
	}
}

// TestBudget_DeclaredBodiesLeaveRoom: clients that declare large bodies and send
// nothing leave room for all others.
func TestBudget_DeclaredBodiesLeaveRoom(t *testing.T) {
	t.Parallel()
	h := newHandler()
	for range 10 {
		_ = newRequest(h).chargeDeclared(16 << 20) // never arrives
	}
	for _, size := range []int64{1 << 10, maxUnreservedBody, 3 << 20} {
		if err := newRequest(h).chargeBody(size); err != nil {
			t.Errorf("a body of %d bytes that has arrived: %v", size, err)
		}
	}
}
