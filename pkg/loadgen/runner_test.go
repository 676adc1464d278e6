package loadgen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// noBackoff makes all of each backoff random, and that 0.
func noBackoff() float64 { return 1 }

// wantCounts compares all counters.
func wantCounts(t *testing.T, got, want Counts) {
	t.Helper()
	if got != want {
		t.Errorf("counts\n got %+v\nwant %+v", got, want)
	}
}

func TestRunner_SendsEachEventOnce(t *testing.T) {
	t.Parallel()
	for _, shape := range []Options{
		{}, {Concurrency: 1}, {Concurrency: 7, BatchSize: 10}, {Concurrency: 64, BatchSize: 3}, {Concurrency: 3, Rate: 1e9},
	} {
		t.Run(fmt.Sprintf("%d workers with %d events each at rate %v", shape.Concurrency, shape.BatchSize, shape.Rate), func(t *testing.T) {
			t.Parallel()
			target := newMemoryStore()
			g := mustGenerator(t, GeneratorOptions{Count: 5000, DupRate: 0.3, Seed: 3})
			r := New(target, g.Source(), shape)
			report, err := r.Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			wantCounts(t, report.Counts, Counts{Sent: 5000, Tally: event.Tally{Stored: 3500, Duplicate: 1500}})
			if len(target.records) != 3500 {
				t.Errorf("%d events stored", len(target.records))
			}
			if report.Rate <= 0 || report.Latency.P50 <= 0 || report.Latency.Max < report.Latency.P999 {
				t.Errorf("rate %v, latency %+v", report.Rate, report.Latency)
			}
			if p := r.Progress(); p.Counts != report.Counts || p.Total != 5000 || p.Elapsed <= 0 {
				t.Errorf("progress %+v", p)
			}
		})
	}
}

func TestRunner_HonorsRetryAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := newMemoryStore()
		target.before = func(_ context.Context, number int) error {
			if number <= 2 {
				return fmt.Errorf("append: %w", &store.RetryError{Err: store.ErrOverloaded, After: 3 * time.Second})
			}
			return nil
		}
		ledger := &Ledger{}
		g := mustGenerator(t, GeneratorOptions{Count: 3})
		report, err := New(target, g.Source(), Options{Concurrency: 1, Jitter: noBackoff, Ledger: ledger}).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantCounts(t, report.Counts, Counts{Sent: 3, Tally: event.Tally{Stored: 3}, Retried: 2})
		if report.Elapsed != 6*time.Second || report.Latency.Max.Round(10*time.Millisecond) != 6*time.Second {
			t.Errorf("took %v, maximum latency %v, want 6 s", report.Elapsed, report.Latency.Max)
		}
		if ledger.flags(0)&wasUnknown != 0 {
			t.Error("an event that was refused is in doubt")
		}
	})
}

func TestRunner_ProgressReportsRetries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := newMemoryStore()
		target.before = func(_ context.Context, number int) error {
			if number == 2 || number == 3 {
				return &store.RetryError{Err: store.ErrOverloaded, After: 3 * time.Second}
			}
			return nil
		}
		g := mustGenerator(t, GeneratorOptions{Count: 10})
		r := New(target, g.Source(), Options{Concurrency: 1, Rate: 1, Jitter: noBackoff}) // the second is due after 1 s
		var group sync.WaitGroup
		group.Go(func() {
			if _, err := r.Run(t.Context()); err != nil {
				t.Error(err)
			}
		})
		for second := range 10 {
			_ = retry.Sleep(t.Context(), 500*time.Millisecond)
			trying := 1 <= second && second < 7
			if got := r.Progress().Retrying; trying != errors.Is(got, store.ErrOverloaded) || !trying && got != nil {
				t.Errorf("after %d.5 s: %v", second, got)
			}
			_ = retry.Sleep(t.Context(), 500*time.Millisecond)
		}
		group.Wait()
		if got := r.Progress().Retrying; got != nil {
			t.Errorf("in the end: %v", got)
		}
	})
}

func TestRunner_RecordsLostResponsesAsUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := newMemoryStore()
		target.after = func(number int, _ []event.Event, outcomes []event.Outcome) ([]event.Outcome, error) {
			if number == 1 { // the event is stored, but the response is lost
				return nil, fmt.Errorf("read response: %w: %w", io.ErrUnexpectedEOF, store.ErrUnavailable)
			}
			return outcomes, nil
		}
		ledger := &Ledger{}
		g := mustGenerator(t, GeneratorOptions{Count: 2})
		report, err := New(target, g.Source(), Options{Concurrency: 1, Ledger: ledger}).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantCounts(t, report.Counts, Counts{Sent: 2, Tally: event.Tally{Stored: 1, Duplicate: 1}, Retried: 1})
		if ledger.flags(0) != wasDuplicate|wasUnknown || ledger.flags(1) != wasStored {
			t.Errorf("ledger has %04b and %04b", ledger.flags(0), ledger.flags(1))
		}
	})
}

func TestRunner_FailedConnectionIsNotUnknown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := newMemoryStore()
		target.before = func(_ context.Context, number int) error {
			if number == 1 {
				return fmt.Errorf("dial: %w: %w", store.ErrUnavailable, store.ErrNotReached)
			}
			return nil
		}
		ledger := &Ledger{}
		g := mustGenerator(t, GeneratorOptions{Count: 2})
		if _, err := New(target, g.Source(), Options{Concurrency: 1, Ledger: ledger}).Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		if ledger.flags(0) != wasStored || ledger.flags(1) != wasStored {
			t.Errorf("ledger has %04b and %04b", ledger.flags(0), ledger.flags(1))
		}
	})
}

func TestRunner_GivesUpWithoutResponses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := newMemoryStore()
		target.before = func(context.Context, int) error { return store.ErrUnavailable }
		g := mustGenerator(t, GeneratorOptions{Count: 1000})
		report, err := New(target, g.Source(), Options{RetryFor: 10 * time.Second}).Run(t.Context())
		if !errors.Is(err, ErrGaveUp) || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("error %v", err)
		}
		if report.Sent != 20 || report.Failed != 20 || report.Retried == 0 || report.FirstFailure == "" {
			t.Errorf("report %+v", report)
		}
		if report.Elapsed != 10*time.Second { // not earlier, whatever the last random wait is
			t.Errorf("gave up after %v", report.Elapsed)
		}
	})
}

// Thousands of requests that the server refuses for the same reason help nobody.
func TestRunner_EndsAtAnErrorThatNoRequestAvoids(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		unknown := errors.New("unknown sender")
		target := newMemoryStore()
		target.before = func(context.Context, int) error { return unknown }
		g := mustGenerator(t, GeneratorOptions{Count: 1000})
		options := Options{Concurrency: 4, EndsRun: func(err error) bool { return errors.Is(err, unknown) }}
		report, err := New(target, g.Source(), options).Run(t.Context())
		if !errors.Is(err, ErrGaveUp) || !errors.Is(err, unknown) || report.Sent > 4 || report.Sent != report.Failed {
			t.Errorf("error %v, report %+v", err, report)
		}
	})
}

func TestRunner_OneFailingEventDoesNotStopOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g := mustGenerator(t, GeneratorOptions{Count: 2000})
		failing := g.Key(0)
		target := appendFunc(func(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
			_ = retry.Sleep(ctx, 50*time.Millisecond)
			if events[0].Key() == failing {
				return nil, store.ErrUnavailable
			}
			return []event.Outcome{event.Stored}, nil
		})
		report, err := New(target, g.Source(), Options{Concurrency: 2, RetryFor: 10 * time.Second}).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		report.Retried = 0
		wantCounts(t, report.Counts, Counts{Sent: 2000, Tally: event.Tally{Stored: 1999}, Failed: 1})
	})
}

// appendFunc is a function as target.
type appendFunc func(context.Context, []event.Event) ([]event.Outcome, error)

func (f appendFunc) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	return f(ctx, events)
}

func TestRunner_DoesNotRetryPermanentErrors(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		target appendFunc
		want   Counts
		reason string
	}{
		"an unknown error": {
			func(context.Context, []event.Event) ([]event.Outcome, error) { return nil, errors.New("teapot") },
			Counts{Sent: 6, Failed: 6}, "teapot",
		},
		"a wrong number of outcomes": {
			func(context.Context, []event.Event) ([]event.Outcome, error) { return nil, nil },
			Counts{Sent: 6, Failed: 6}, "0 outcomes for 3 events",
		},
		"an event that is rejected": {
			func(_ context.Context, events []event.Event) ([]event.Outcome, error) {
				return []event.Outcome{event.Stored, event.Rejected, event.Duplicate}[:len(events)], nil
			},
			Counts{Sent: 6, Tally: event.Tally{Stored: 2, Duplicate: 2, Rejected: 2}}, "",
		},
		"a batch that is rejected as a whole is sent in parts": {
			func(_ context.Context, events []event.Event) ([]event.Outcome, error) {
				if len(events) > 1 || strings.HasPrefix(events[0].Payload, `{"seq":4`) {
					return nil, store.ErrRejected
				}
				return []event.Outcome{event.Stored}, nil
			},
			Counts{Sent: 6, Tally: event.Tally{Stored: 5, Rejected: 1}}, "",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := mustGenerator(t, GeneratorOptions{Count: 6})
			report, err := New(test.target, g.Source(), Options{Concurrency: 1, BatchSize: 3}).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			wantCounts(t, report.Counts, test.want)
			if !strings.Contains(report.FirstFailure, test.reason) || (test.reason == "") != (report.FirstFailure == "") {
				t.Errorf("first failure %q, want %q", report.FirstFailure, test.reason)
			}
		})
	}
}

func TestRunner_OpenLoopLatencyCountsFromSchedule(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// One worker can send 10 per second; 20 per second are scheduled.
		target := appendFunc(func(ctx context.Context, _ []event.Event) ([]event.Outcome, error) {
			_ = retry.Sleep(ctx, 100*time.Millisecond)
			return []event.Outcome{event.Stored}, nil
		})
		g := mustGenerator(t, GeneratorOptions{Count: 100})
		report, err := New(target, g.Source(), Options{Concurrency: 1, Rate: 20}).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		// Slot 99 is scheduled at 4.95 s and completed at 10 s.
		if got := report.Latency.Max.Round(10 * time.Millisecond); got != 5050*time.Millisecond {
			t.Errorf("longest latency %v, want 5.05s", got)
		}
		if report.Elapsed != 10*time.Second || report.Rate != 10 {
			t.Errorf("took %v at %v/s", report.Elapsed, report.Rate)
		}
	})
}

func TestRunner_KeepsConstantRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var inFlight, largest atomic.Int64
		target := appendFunc(func(ctx context.Context, _ []event.Event) ([]event.Outcome, error) {
			now := inFlight.Add(1)
			defer inFlight.Add(-1)
			if now > largest.Load() {
				largest.Store(now)
			}
			_ = retry.Sleep(ctx, 30*time.Millisecond)
			return []event.Outcome{event.Stored}, nil
		})
		g := mustGenerator(t, GeneratorOptions{})
		r := New(target, g.Source(), Options{Concurrency: 5, Rate: 100, Duration: 2 * time.Second})
		report, err := r.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantCounts(t, report.Counts, Counts{Sent: 200, Tally: event.Tally{Stored: 200}})
		if report.Latency.Max.Round(time.Millisecond) != 30*time.Millisecond {
			t.Errorf("latency %+v, want 30ms", report.Latency)
		}
		if largest.Load() > 5 {
			t.Errorf("%d in flight", largest.Load())
		}
		if p := r.Progress(); p.Total != 0 {
			t.Errorf("total %d without an end", p.Total)
		}
	})
}
