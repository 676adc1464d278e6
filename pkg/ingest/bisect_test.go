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

// failingLater is a slowStore that fails after some appends.
type failingLater struct {
	slowStore

	left int
	err  error
}

func (s *failingLater) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	s.left--
	if s.left < 0 {
		return nil, s.err
	}
	return s.slowStore.Append(ctx, events)
}

// TestAppend_PartialBatchIsNotReportedAsUnstored halves a batch because of a
// rejected event. A failure after that must not claim that nothing was stored.
func TestAppend_PartialBatchIsNotReportedAsUnstored(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		err  error
	}{
		{"the store becomes unavailable", fmt.Errorf("unavailable: %w: %w", store.ErrUnavailable, store.ErrNotReached)},
		{"the store is overloaded", &store.RetryError{Err: store.ErrOverloaded, After: time.Second}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				next := &failingLater{slowStore: slowStore{poison: "e3"}, left: 2, err: test.err} // the whole batch, and the first half
				a := start(t, next, Options{Writers: 1})
				_, err := a.Append(t.Context(), events(4, "e"))
				if len(next.seen) != 2 {
					t.Fatalf("%d events are stored, want the first half", len(next.seen))
				}
				if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotReached) || errors.Is(err, store.ErrOverloaded) {
					t.Errorf("got %v, want an error that does not say what is stored", err)
				}
			})
		})
	}
}

// TestAppend_LogsRejectedEvents checks that each rejected event is logged. The
// program's log handler samples floods.
func TestAppend_LogsRejectedEvents(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	a := start(t, &slowStore{poison: "e0"}, Options{Writers: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	const want = 3
	for range want {
		if got, err := a.Append(t.Context(), events(1, "e")); err != nil || got[0] != event.Rejected {
			t.Fatalf("got %v, %v, want the outcome rejected", got, err)
		}
	}
	if got := strings.Count(log.String(), `level=WARN msg="event rejected by the store" topic=t event_id=e0 events=1`); got != want {
		t.Errorf("%d of %d rejected events are logged:\n%s", got, want, log.String())
	}
}
