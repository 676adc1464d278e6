package loadgen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestRunner_DurationEndsClosedLoop(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := appendFunc(func(ctx context.Context, _ []event.Event) ([]event.Outcome, error) {
			_ = retry.Sleep(ctx, 300*time.Millisecond)
			return []event.Outcome{event.Stored}, nil
		})
		g := mustGenerator(t, GeneratorOptions{})
		report, err := New(target, g.Source(), Options{Concurrency: 2, Duration: time.Second}).Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		wantCounts(t, report.Counts, Counts{Sent: 8, Tally: event.Tally{Stored: 8}})
		if report.Elapsed != 1200*time.Millisecond {
			t.Errorf("took %v", report.Elapsed)
		}
	})
}

func TestRunner_CancelledRunHasReport(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		target := appendFunc(func(ctx context.Context, _ []event.Event) ([]event.Outcome, error) {
			if retry.Sleep(ctx, 300*time.Millisecond) != nil {
				return nil, fmt.Errorf("append: %w", ctx.Err())
			}
			return []event.Outcome{event.Stored}, nil
		})
		g := mustGenerator(t, GeneratorOptions{Count: 1000})
		report, err := New(target, g.Source(), Options{Concurrency: 2}).Run(ctx)
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("error %v", err)
		}
		wantCounts(t, report.Counts, Counts{Sent: 8, Tally: event.Tally{Stored: 6}, Failed: 2})
		if report.FirstFailure != "" {
			t.Errorf("the stop is reported as failure %q", report.FirstFailure)
		}
	})
}

func TestRunner_CancelEndsWaits(t *testing.T) {
	t.Parallel()
	for name, rate := range map[string]float64{"for a retry": 0, "for a slot": 0.001} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				target := newMemoryStore()
				target.before = func(context.Context, int) error {
					return &store.RetryError{Err: store.ErrUnavailable, After: 30 * time.Second}
				}
				g := mustGenerator(t, GeneratorOptions{Count: 10})
				report, err := New(target, g.Source(), Options{Concurrency: 2, Rate: rate}).Run(ctx)
				if !errors.Is(err, context.DeadlineExceeded) || report.Elapsed != 5*time.Second {
					t.Errorf("after %v: %v", report.Elapsed, err)
				}
				if report.Sent != report.Failed {
					t.Errorf("counts %+v", report.Counts)
				}
			})
		})
	}
}

func TestRunner_SourceErrorEndsRun(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk failed")
	f, err := NewFile(io.MultiReader(strings.NewReader(eventLine("a", "{}")+"\n"), iotest.ErrReader(broken)), FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	report, err := New(newMemoryStore(), f, Options{}).Run(t.Context())
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	wantCounts(t, report.Counts, Counts{Sent: 1, Tally: event.Tally{Stored: 1}})
}
