package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// waitAvailable waits until every call to a store that was unavailable works
// again.
func waitAvailable(t *testing.T, s store.Store) {
	t.Helper()
	for _, c := range calls() {
		suitetest.Eventually(t, c.name+" works again", func() bool {
			err := try(t, t.Context(), s, c)
			if err != nil && !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("%s after the outage: %v, want no error or ErrUnavailable", c.name, err)
			}
			return err == nil
		})
	}
}

func outage(t *testing.T, h Harness) {
	s := h.Open(t)
	known := newEvents("known", 50)
	mustAppend(t, s, known...)
	down, up := h.Outage(t, s)
	for range 2 {
		down()
		for _, c := range calls() {
			if err := try(t, t.Context(), s, c); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("%s without a database: %v, want ErrUnavailable", c.name, err)
			}
		}
		up()
		waitAvailable(t, s)
	}
	checkOutcomes(t, mustAppend(t, s, known...), repeat(event.Duplicate, len(known))...)
	checkExact(t, s)
}

// outageUnderLoad makes the database unavailable during appends. The writers
// retry until they have a result, as every client does.
func outageUnderLoad(t *testing.T, h Harness) {
	s := h.Open(t)
	const writers, rounds, size = 4, 30, 20
	down, up := h.Outage(t, s)
	l := newLedger()
	half := make(chan struct{}, writers)
	group, ctx := errgroup.WithContext(t.Context())
	for writer := range writers {
		group.Go(func() error {
			for round := range rounds {
				if round == rounds/2 {
					half <- struct{}{}
				}
				batch := newEvents(fmt.Sprintf("%d/%d", writer, round), size)
				var outcomes []event.Outcome
				if err := retryUntilAvailable(ctx, func(ctx context.Context) (err error) {
					outcomes, err = s.Append(ctx, batch)
					return err
				}); err != nil {
					return err
				}
				if err := l.note(batch, outcomes); err != nil {
					return err
				}
			}
			return nil
		})
	}
	select {
	case <-half:
	case <-ctx.Done():
	}
	down()
	up()
	if err := group.Wait(); err != nil {
		t.Fatalf("append through an outage: %v", err)
	}
	waitAvailable(t, s)
	for writer := range writers {
		for round := range rounds {
			for _, e := range newEvents(fmt.Sprintf("%d/%d", writer, round), size) {
				mustEvent(t, s, e.Key())
			}
		}
	}
	for key, times := range l.stored {
		if times > 1 {
			t.Errorf("%q had the outcome stored %d times", key, times)
		}
	}
	if stats := checkExact(t, s); stats.Received < l.outcomes {
		t.Errorf("%d events are counted, fewer than the %d outcomes", stats.Received, l.outcomes)
	}
}

// retryUntilAvailable repeats a call while the database is unavailable.
func retryUntilAvailable(ctx context.Context, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, suitetest.Timeout)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := call(ctx)
		if !store.Temporary(err) {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("%w; last error: %w", ctx.Err(), err)
		}
	}
}
