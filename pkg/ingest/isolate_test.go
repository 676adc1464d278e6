package ingest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// goneAfter is a slowStore that can't be reached any more after some appends.
type goneAfter struct {
	slowStore
	left int
	err  error
}

func (s *goneAfter) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	s.left--
	if s.left < 0 {
		return nil, s.err
	}
	return s.slowStore.Append(ctx, events)
}

// TestHalfABatchIsNotNothing splits a batch for an event that is refused. What
// fails afterwards must not claim that nothing of the batch was stored.
func TestHalfABatchIsNotNothing(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
	}{
		{"the store can't be reached any more", fmt.Errorf("gone: %w: %w", store.ErrUnavailable, store.ErrNotReached)},
		{"the store takes no more", &store.RetryError{Err: store.ErrOverloaded, After: time.Second}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				next := &goneAfter{slowStore: slowStore{poison: "e3"}, left: 2, err: test.err} // all of it, and the first half
				a := start(t, next, Options{Writers: 1})
				_, err := a.Append(t.Context(), events(4, "e"))
				if len(next.seen) != 2 {
					t.Fatalf("%d events are stored, want the first half", len(next.seen))
				}
				if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotReached) || errors.Is(err, store.ErrOverloaded) {
					t.Errorf("the answer is %v, want one that leaves open what is stored", err)
				}
			})
		})
	}
}

// TestAFloodOfRejectedEventsIsALineASecond, which says how many were left out.
func TestAFloodOfRejectedEventsIsALineASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		next := &slowStore{poison: "e0"}
		a := start(t, next, Options{Writers: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		reject := func(times int) {
			for range times {
				if got, err := a.Append(t.Context(), events(1, "e")); err != nil || got[0] != event.Rejected {
					t.Fatalf("the answer is %v, %v, want that it is rejected", got, err)
				}
			}
		}
		reject(40)
		<-time.After(time.Second)
		reject(40)
		<-time.After(time.Second)
		reject(1)
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		if len(lines) != 3 || strings.Contains(lines[0], "more") || !strings.Contains(lines[1], "more_before=39") || !strings.Contains(lines[2], "more_before=39") {
			t.Errorf("81 rejected events within 2 seconds are logged as\n%s", log.String())
		}
	})
}
