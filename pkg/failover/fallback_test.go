package failover_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/failover"
	"github.com/eventagg/eventagg/pkg/store"
)

// always answers every append with one outcome or error, and counts.
type always struct {
	outcome event.Outcome
	err     error
	asked   int
}

func (a *always) Append(_ context.Context, events []event.Event) ([]event.Outcome, error) {
	a.asked++
	if a.err != nil {
		return nil, a.err
	}
	outcomes := make([]event.Outcome, len(events))
	for i := range outcomes {
		outcomes[i] = a.outcome
	}
	return outcomes, nil
}

func TestFallbackTurnsToTheSecondOnlyWhereTheFirstTookNothing(t *testing.T) {
	t.Parallel()
	unknown := fmt.Errorf("append: %w", store.ErrUnavailable)
	unreached := fmt.Errorf("append: %w: %w", store.ErrUnavailable, store.ErrNotReached)
	full := &store.RetryError{Err: fmt.Errorf("queue: %w", store.ErrOverloaded), After: 3 * time.Second}
	weak := fmt.Errorf("append: %w: appendfsync is everysec", store.ErrNotDurable)
	for name, test := range map[string]struct {
		first, second error
		turned        bool
		want          error
	}{
		"a first that takes them":                          {nil, nil, false, nil},
		"a first that is full":                             {full, nil, true, nil},
		"a first that was not reached":                     {unreached, nil, true, nil},
		"a first that is not durable":                      {weak, nil, true, nil},
		"a first that may have taken them":                 {unknown, nil, false, store.ErrUnavailable},
		"a first that refuses the events themselves":       {store.ErrRejected, nil, false, store.ErrRejected},
		"a first that is shutting down":                    {store.ErrClosed, nil, false, store.ErrClosed},
		"neither takes them: the first one's error counts": {full, unreached, true, store.ErrOverloaded},
		"a second that may have taken them":                {unreached, unknown, true, store.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := &always{event.Stored, test.first, 0}, &always{event.Queued, test.second, 0}
			f := failover.NewFallback(first, second, failover.FallbackOptions{})
			outcomes, err := f.Append(t.Context(), make([]event.Event, 2))
			if first.asked != 1 || (second.asked == 1) != test.turned {
				t.Errorf("asked the first %d times and the second %d", first.asked, second.asked)
			}
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Fatalf("error %v", err)
			}
			want := event.Stored
			if test.turned {
				want = event.Queued
			}
			if err == nil && (len(outcomes) != 2 || outcomes[0] != want || outcomes[1] != want) {
				t.Errorf("outcomes %v", outcomes)
			}
			if errors.Is(err, store.ErrOverloaded) && store.RetryAfter(err, 0) != 3*time.Second {
				t.Errorf("the wait is %v", store.RetryAfter(err, 0))
			}
		})
	}
}

func TestFallbackAsksNobodyElseForACallerWhoIsGone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	second := &always{outcome: event.Queued}
	f := failover.NewFallback(&always{err: store.ErrNotReached}, second, failover.FallbackOptions{})
	if _, err := f.Append(ctx, make([]event.Event, 1)); err == nil || second.asked != 0 {
		t.Errorf("%v, the second was asked %d times", err, second.asked)
	}
}

func TestFallbackTellsEachTurnOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, lines := &always{outcome: event.Stored}, &log{}
		f := failover.NewFallback(first, &always{outcome: event.Queued}, failover.FallbackOptions{Logger: lines.logger()})
		send := func() { _, _ = f.Append(t.Context(), make([]event.Event, 1)) }
		full := &store.RetryError{Err: store.ErrOverloaded}
		for range 50 { // full every other time: no reason for a hundred lines
			first.err = full
			send()
			first.err = nil
			send()
			pass(time.Second)
		}
		if lines.lines() != 1 {
			t.Errorf("the log has\n%s", lines)
		}
		pass(5 * time.Second)
		send()
		send()
		if lines.lines() != 2 {
			t.Errorf("the log has\n%s", lines)
		}
	})
}
