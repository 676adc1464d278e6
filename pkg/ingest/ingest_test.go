package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// slowStore is a store in memory with a delay, like the COMMIT of a database. It
// records the size of each append.
type slowStore struct {
	delay  time.Duration
	poison string // an event with this ID is rejected
	stuck  string // an append of this ID hangs until its context ends
	fail   error  // error of every append, if set

	mu      sync.Mutex
	seen    map[event.Key]bool
	appends []int
}

func (s *slowStore) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	delay := s.delay
	if s.stuck != "" && slices.ContainsFunc(events, func(e event.Event) bool { return e.ID == s.stuck }) {
		delay = time.Hour
	}
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.appends = append(s.appends, len(events))
	if s.fail != nil {
		return nil, s.fail
	}
	if slices.ContainsFunc(events, func(e event.Event) bool { return e.ID == s.poison }) {
		return nil, fmt.Errorf("slow store: %w", store.ErrRejected)
	}
	if s.seen == nil {
		s.seen = make(map[event.Key]bool)
	}
	outcomes := make([]event.Outcome, len(events))
	for i, e := range events {
		outcomes[i] = event.Stored
		if s.seen[e.Key()] {
			outcomes[i] = event.Duplicate
		}
		s.seen[e.Key()] = true
	}
	return outcomes, nil
}

// start creates an Appender that is closed at the end of the test.
func start(t *testing.T, next store.Appender, options Options) *Appender {
	t.Helper()
	a := New(next, options)
	t.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return a
}

// appendAll appends one event per caller at the same time and returns the outcome
// or error of each.
func appendAll(t *testing.T, a *Appender, events []event.Event) ([]event.Outcome, []error) {
	t.Helper()
	outcomes, errs := make([]event.Outcome, len(events)), make([]error, len(events))
	var callers sync.WaitGroup
	for i := range events {
		callers.Go(func() {
			got, err := a.Append(t.Context(), events[i:i+1])
			if errs[i] = err; err == nil {
				outcomes[i] = got[0]
			}
		})
	}
	callers.Wait()
	return outcomes, errs
}

func TestAppend_IdleWriterFlushesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &slowStore{delay: 5 * time.Millisecond}
		a := start(t, next, Options{Writers: 1})
		began := time.Now()
		if _, err := a.Append(t.Context(), events(1, "single")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != next.delay {
			t.Errorf("a single event took %s, the store %s", took, next.delay)
		}
	})
}

func TestAppend_ConcurrentCallersShareCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &slowStore{delay: time.Millisecond}
		a := start(t, next, Options{Writers: 1, MaxBatch: 40})
		outcomes, errs := appendAll(t, a, events(100, "e"))
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(outcomes, func(o event.Outcome) bool { return o != event.Stored }) {
			t.Errorf("distinct events have the outcomes %v", outcomes)
		}
		if len(next.appends) > 4 || slices.Max(next.appends) > 40 {
			t.Errorf("100 callers made appends of %v events; want the first alone at most, then batches of up to 40", next.appends)
		}
	})
}

func TestAppend_CallersGetTheirOwnOutcomes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := start(t, &slowStore{delay: time.Millisecond}, Options{Writers: 2})
		list := slices.Concat(events(50, "e"), events(50, "e")) // each key twice
		outcomes, errs := appendAll(t, a, list)
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			got := []event.Outcome{outcomes[i], outcomes[i+50]}
			slices.Sort(got)
			if want := []event.Outcome{event.Stored, event.Duplicate}; !slices.Equal(got, want) {
				t.Errorf("key %d has the outcomes %v, want one of each", i, got)
			}
		}
	})
}

func TestAppend_LargeAppendIsNotSplit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &slowStore{}
		a := start(t, next, Options{Writers: 1, MaxBatch: 10})
		outcomes, err := a.Append(t.Context(), events(25, "e"))
		if err != nil || len(outcomes) != 25 {
			t.Fatalf("got %d outcomes and %v", len(outcomes), err)
		}
		if !slices.Equal(next.appends, []int{25}) {
			t.Errorf("the store saw appends of %v, want one of 25", next.appends)
		}
	})
}

func TestAppend_RejectsOnlyPoisonedEvent(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &slowStore{delay: time.Millisecond, poison: "e13"}
		a := start(t, next, Options{Writers: 1})
		outcomes, errs := appendAll(t, a, events(60, "e"))
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for i, got := range outcomes {
			want := event.Stored
			if i == 13 {
				want = event.Rejected
			}
			if got != want {
				t.Errorf("event %d has the outcome %s, want %s", i, got, want)
			}
		}
	})
}

// TestAppend_StuckBatchDoesNotDelayOthers has one append that hangs. Later events
// do not wait for it, even if they are few.
func TestAppend_StuckBatchDoesNotDelayOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &slowStore{delay: time.Millisecond, stuck: "stuck0"}
		a := start(t, next, Options{Writers: 2, FlushTimeout: time.Minute})
		var hung sync.WaitGroup
		hung.Go(func() {
			if _, err := a.Append(t.Context(), events(1, "stuck")); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("the stuck event: %v", err)
			}
		})
		synctest.Wait() // the stuck event is with its writer
		for _, want := range []time.Duration{stuckAfter + next.delay, next.delay} {
			began := time.Now()
			if _, err := a.Append(t.Context(), events(1, fmt.Sprint("later", want))); err != nil || time.Since(began) != want {
				t.Errorf("an event beside a stuck one: %v after %s, want it after %s", err, time.Since(began), want)
			}
		}
		hung.Wait()
	})
}

func TestAppend_FailureReachesEveryCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &slowStore{delay: time.Millisecond, fail: fmt.Errorf("no route: %w", store.ErrUnavailable)}
		var log strings.Builder
		a := start(t, next, Options{Writers: 2, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		_, errs := appendAll(t, a, events(20, "e"))
		for i, err := range errs {
			if !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("caller %d got %v", i, err)
			}
		}
		next.fail = nil
		if _, err := a.Append(t.Context(), events(1, "after")); err != nil {
			t.Errorf("after the recovery of the store: %v", err)
		}
		if _, logged, _ := strings.Cut(log.String(), "msg="); strings.Count(logged, "\n") != 2 ||
			!strings.HasPrefix(logged, `"append failed" dependency=database error="no route: store unavailable" consequence=`) ||
			!strings.Contains(logged, `msg="append succeeded again" dependency=database`) {
			t.Errorf("the log is\n%s", log.String())
		}
	})
}

// TestAppend_HangingStoreIsUnavailable checks that an append ends after the flush
// timeout, and that waiting events fail if no writer takes them in time.
func TestAppend_HangingStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := start(t, &slowStore{delay: time.Hour}, Options{Writers: 1, MaxBatch: 1, FlushTimeout: 3 * time.Second, MaxWait: 4 * time.Second})
		began := time.Now()
		took := make([]time.Duration, 5)
		var callers sync.WaitGroup
		for i := range took {
			callers.Go(func() {
				if _, err := a.Append(t.Context(), events(1, fmt.Sprint("id", i))); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("caller %d: %v", i, err)
				}
				took[i] = time.Since(began)
			})
		}
		callers.Wait()
		slices.Sort(took)
		if want := []time.Duration{3 * time.Second, 6 * time.Second, 6 * time.Second, 6 * time.Second, 6 * time.Second}; !slices.Equal(took, want) {
			t.Errorf("callers got their results after %v, want %v", took, want)
		}
	})
}

func TestAppend_CancelledCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &slowStore{delay: time.Second}
		a := start(t, next, Options{Writers: 1})
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		var callers sync.WaitGroup
		for _, id := range []string{"taken", "waiting"} {
			callers.Go(func() {
				if _, err := a.Append(ctx, events(1, id)); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%s: got %v", id, err)
				}
			})
			synctest.Wait() // the first is with the writer before the second arrives
		}
		callers.Wait()
		if n, _ := pending(a); n != 1 {
			t.Errorf("%d events are pending; want the one in the writer's batch", n)
		}
		outcomes, err := a.Append(t.Context(), slices.Concat(events(1, "taken"), events(1, "waiting")))
		if err != nil {
			t.Fatal(err)
		}
		if want := []event.Outcome{event.Duplicate, event.Stored}; !slices.Equal(outcomes, want) {
			t.Errorf("sent again: %v, want %v (the taken one was stored, the waiting one withdrawn)", outcomes, want)
		}
	})
}

func TestAppend_EndedContextAndNoEvents(t *testing.T) {
	t.Parallel()
	next := &slowStore{}
	a := start(t, next, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := a.Append(ctx, events(1, "e")); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	if outcomes, err := a.Append(t.Context(), nil); err != nil || len(outcomes) != 0 {
		t.Errorf("an empty append: %v, %v", outcomes, err)
	}
	if len(next.appends) != 0 {
		t.Errorf("the store saw appends of %v", next.appends)
	}
}

func TestClose_Drains(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &slowStore{delay: time.Second}
		a := New(next, Options{Writers: 1, MaxBatch: 5})
		var callers sync.WaitGroup
		for i := range 20 {
			callers.Go(func() {
				if _, err := a.Append(t.Context(), events(1, fmt.Sprint("e", i))); err != nil {
					t.Errorf("accepted before Close: %v", err)
				}
			})
		}
		synctest.Wait()
		if err := a.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := a.Append(t.Context(), events(1, "late")); !errors.Is(err, store.ErrClosed) {
			t.Errorf("after Close: %v", err)
		}
		callers.Wait()
		if len(next.seen) != 20 {
			t.Errorf("%d of 20 accepted events are stored", len(next.seen))
		}
		if err := a.Close(t.Context()); err != nil {
			t.Errorf("second Close: %v", err)
		}
	})
}

func TestClose_StopsAtDeadline(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := New(&slowStore{delay: time.Hour}, Options{Writers: 1, FlushTimeout: 2 * time.Hour})
		var callers sync.WaitGroup
		for i := range 3 {
			callers.Go(func() {
				if _, err := a.Append(t.Context(), events(1, fmt.Sprint("e", i))); !errors.Is(err, store.ErrClosed) {
					t.Errorf("got %v, want closed", err)
				}
			})
		}
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := a.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Close: %v, want its deadline", err)
		}
		callers.Wait()
	})
}

// BenchmarkAppend measures the cost of the group commit itself.
func BenchmarkAppend(b *testing.B) {
	a := New(&slowStore{poison: "none"}, Options{})
	defer func() { _ = a.Close(context.Background()) }()
	b.ReportAllocs()
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		one := events(1, "bench")
		for pb.Next() {
			if _, err := a.Append(b.Context(), one); err != nil {
				b.Error(err)
				return
			}
		}
	})
}
