package loadgen

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestRunner_ReportsRejectedLines(t *testing.T) {
	t.Parallel()
	odd := errors.New("odd")
	isOdd := func(e event.Event) bool { return strings.Contains(e.Payload, "odd") }
	// rejectEach rejects single events, with a reason if withReason is set.
	rejectEach := func(withReason bool) appendFunc {
		return func(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
			outcomes := make([]event.Outcome, len(events))
			for i, e := range events {
				if outcomes[i] = event.Stored; isOdd(e) {
					outcomes[i] = event.Rejected
				}
				if withReason && isOdd(e) {
					store.ReportRejection(ctx, i, odd)
				}
			}
			return outcomes, nil
		}
	}
	rejectBatch := func(_ context.Context, events []event.Event) ([]event.Outcome, error) {
		if slices.ContainsFunc(events, isOdd) {
			return nil, fmt.Errorf("%w: odd", store.ErrRejected)
		}
		return slices.Repeat([]event.Outcome{event.Stored}, len(events)), nil
	}
	tests := map[string]struct {
		target  appendFunc
		dupRate float64
		want    string
	}{
		"with the target's reason":           {rejectEach(true), 0, "2: odd, 5: odd"},
		"without one":                        {rejectEach(false), 0, "2: rejected by the store, 5: rejected by the store"},
		"of a batch that is refused at once": {rejectBatch, 0, "2: rejected by the store: odd, 5: rejected by the store: odd"},
		"once, however often it is repeated": {rejectEach(true), 0.8, "2: odd, 5: odd"},
	}
	text := eventLine("a", "{}") + "\n" + eventLine("b", `{"odd":1}`) + "\n\n" + eventLine("c", "{}") + "\n" + eventLine("d", `{"odd":1}`)
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f, err := NewFile(strings.NewReader(text), FileOptions{DupRate: test.dupRate})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			var (
				mu    sync.Mutex
				named []string
			)
			_, err = New(test.target, f, Options{Concurrency: 2, BatchSize: 3, OnRejected: func(line int64, reason error) {
				mu.Lock()
				defer mu.Unlock()
				named = append(named, fmt.Sprintf("%d: %v", line, reason))
			}}).Run(t.Context())
			slices.Sort(named)
			if got := strings.Join(named, ", "); err != nil || got != test.want {
				t.Errorf("%v, named %q, want %q", err, got, test.want)
			}
		})
	}
}
