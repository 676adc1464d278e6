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

// slowStore answers from memory after a delay, as a database does after its
// COMMIT, and remembers the size of each append.
type slowStore struct {
	delay  time.Duration
	poison string // an event with this ID is rejected for ever
	stuck  string // an append of this ID hangs until its context ends
	fail   error  // every append fails with it, where set

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

// start makes an Appender that is closed at the end of the test.
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

// appendAll appends one event per caller at the same moment and returns each
// one's outcome or error.
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

func TestIdleWriterFlushesAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &slowStore{delay: 5 * time.Millisecond}
		a := start(t, next, Options{Writers: 1})
		began := time.Now()
		if _, err := a.Append(t.Context(), events(1, "lone")); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(began); took != next.delay {
			t.Errorf("a lone event took %s, the store %s", took, next.delay)
		}
	})
}

func TestConcurrentCallersShareACommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &slowStore{delay: time.Millisecond}
		a := start(t, next, Options{Writers: 1, MaxBatch: 40})
		outcomes, errs := appendAll(t, a, events(100, "e"))
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if slices.ContainsFunc(outcomes, func(o event.Outcome) bool { return o != event.Stored }) {
			t.Errorf("distinct events were answered %v", outcomes)
		}
		if len(next.appends) > 4 || slices.Max(next.appends) > 40 {
			t.Errorf("100 callers made appends of %v events; want the first alone at most, then batches of up to 40", next.appends)
		}
	})
}

func TestCallersGetTheirOwnOutcomes(t *testing.T) {
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
				t.Errorf("key %d was answered %v, want one of each", i, got)
			}
		}
	})
}

func TestALargeAppendStaysWhole(t *testing.T) {
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

func TestPoisonIsAlone(t *testing.T) {
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
				t.Errorf("event %d was answered %s, want %s", i, got, want)
			}
		}
	})
}

// TestStuckBatchHoldsNobodyUp has one append that hangs. Events that come later
// go past it, also where they are few.
func TestStuckBatchHoldsNobodyUp(t *testing.T) {
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
		synctest.Wait() // the stuck one is with its writer
		for _, want := range []time.Duration{stuckAfter + next.delay, next.delay} {
			began := time.Now()
			if _, err := a.Append(t.Context(), events(1, fmt.Sprint("later", want))); err != nil || time.Since(began) != want {
				t.Errorf("an event beside a stuck one: %v after %s, want it after %s", err, time.Since(began), want)
			}
		}
		hung.Wait()
	})
}

func TestFailureReachesEveryCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &slowStore{delay: time.Millisecond, fail: fmt.Errorf("gone: %w", store.ErrUnavailable)}
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
			t.Errorf("when the store is back: %v", err)
		}
		if _, said, _ := strings.Cut(log.String(), "msg="); strings.Count(said, "\n") != 2 ||
			!strings.HasPrefix(said, `"store fails" error="gone: store unavailable"`) || !strings.Contains(said, `msg="store works again"`) {
			t.Errorf("the log says %s", log.String())
		}
	})
}

// TestHangingStoreIsUnavailable: an append ends when its time is over, and so
// does the wait of those that no writer came to take by then.
func TestHangingStoreIsUnavailable(t *testing.T) {
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
			t.Errorf("callers were answered after %v, want %v", took, want)
		}
	})
}

func TestCallerThatGoesAway(t *testing.T) {
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
			synctest.Wait() // the first is with the writer before the second comes
		}
		callers.Wait()
		if n, _ := pending(a); n != 1 {
			t.Errorf("%d events are pending; want the one that the writer has", n)
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

func TestEndedContextAndEmptyAppend(t *testing.T) {
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

func TestCloseDrains(t *testing.T) {
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

func TestCloseGivesUp(t *testing.T) {
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

// BenchmarkAppend measures what the group commit itself costs an event.
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
