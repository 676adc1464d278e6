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
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// fixedAppender returns the same outcome or error for every append, and counts them.
type fixedAppender struct {
	outcome event.Outcome
	err     error
	appends int
}

func (a *fixedAppender) Append(_ context.Context, events []event.Event) ([]event.Outcome, error) {
	a.appends++
	if a.err != nil {
		return nil, a.err
	}
	outcomes := make([]event.Outcome, len(events))
	for i := range outcomes {
		outcomes[i] = a.outcome
	}
	return outcomes, nil
}

func TestFallback_UsesSecondOnlyIfFirstStoredNothing(t *testing.T) {
	t.Parallel()
	unknown := fmt.Errorf("append: %w", store.ErrUnavailable)
	unreached := fmt.Errorf("append: %w: %w", store.ErrUnavailable, store.ErrNotReached)
	full := &store.RetryError{Err: fmt.Errorf("queue: %w", store.ErrOverloaded), After: 3 * time.Second}
	weak := fmt.Errorf("append: %w: appendfsync is everysec", store.ErrNotDurable)
	for name, test := range map[string]struct {
		first, second error
		usesSecond    bool
		want          error
	}{
		"the first stores them":                               {nil, nil, false, nil},
		"the first is full":                                   {full, nil, true, nil},
		"the first was not reached":                           {unreached, nil, true, nil},
		"the first is not durable":                            {weak, nil, true, nil},
		"the first may have stored them":                      {unknown, nil, false, store.ErrUnavailable},
		"the first rejects the events":                        {store.ErrRejected, nil, false, store.ErrRejected},
		"the first is closed":                                 {store.ErrClosed, nil, false, store.ErrClosed},
		"neither takes them, and the first error is returned": {full, unreached, true, store.ErrOverloaded},
		"the second may have taken them":                      {unreached, unknown, true, store.ErrUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first, second := &fixedAppender{event.Stored, test.first, 0}, &fixedAppender{event.Queued, test.second, 0}
			f := failover.NewFallback(first, second, failover.FallbackOptions{})
			outcomes, err := f.Append(t.Context(), make([]event.Event, 2))
			if first.appends != 1 || (second.appends == 1) != test.usesSecond {
				t.Errorf("%d appends to the first and %d to the second", first.appends, second.appends)
			}
			if !errors.Is(err, test.want) || (err == nil) != (test.want == nil) {
				t.Fatalf("error %v", err)
			}
			want := event.Stored
			if test.usesSecond {
				want = event.Queued
			}
			if err == nil && (len(outcomes) != 2 || outcomes[0] != want || outcomes[1] != want) {
				t.Errorf("outcomes %v", outcomes)
			}
			if errors.Is(err, store.ErrOverloaded) && store.RetryAfter(err, 0) != 3*time.Second {
				t.Errorf("Retry-After is %v", store.RetryAfter(err, 0))
			}
		})
	}
}

func TestFallback_DoesNotUseSecondAfterCancellation(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	second := &fixedAppender{outcome: event.Queued}
	f := failover.NewFallback(&fixedAppender{err: store.ErrNotReached}, second, failover.FallbackOptions{})
	if _, err := f.Append(ctx, make([]event.Event, 1)); err == nil || second.appends != 0 {
		t.Errorf("%v, %d appends to the second", err, second.appends)
	}
}

func TestFallback_LogsEachChangeOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		first, lines := &fixedAppender{outcome: event.Stored}, &suitetest.Log{}
		f := failover.NewFallback(first, &fixedAppender{outcome: event.Queued}, failover.FallbackOptions{Logger: lines.Logger()})
		send := func() { _, _ = f.Append(t.Context(), make([]event.Event, 1)) }
		full := &store.RetryError{Err: store.ErrOverloaded}
		for range 50 { // full every second time: still one line
			first.err = full
			send()
			first.err = nil
			send()
			advance(time.Second)
		}
		if lines.Lines() != 1 {
			t.Errorf("the log has\n%s", lines)
		}
		advance(5 * time.Second)
		send()
		send()
		if lines.Lines() != 2 {
			t.Errorf("the log has\n%s", lines)
		}
	})
}
