package ingest

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

func TestFullQueueAnswersAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		next := &slowStore{delay: 2 * time.Second}
		a := start(t, next, Options{Writers: 1, MaxBatch: 10, MaxPending: 30})
		if _, err := a.Append(t.Context(), events(10, "measured")); err != nil {
			t.Fatal(err)
		}
		var callers sync.WaitGroup
		for i := range 3 {
			callers.Go(func() {
				if _, err := a.Append(t.Context(), events(10, fmt.Sprint("caller", i))); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if n, _ := pending(a); n != 30 {
			t.Fatalf("%d events are pending, want 30", n)
		}
		began := time.Now()
		_, err := a.Append(t.Context(), events(1, "late"))
		if !errors.Is(err, store.ErrOverloaded) || time.Since(began) != 0 {
			t.Errorf("got %v after %s, want overload at once", err, time.Since(began))
		}
		if got := store.RetryAfter(err, 0); got != 6*time.Second {
			t.Errorf("30 events at 10 in 2 s: told to wait %s, want 6s", got)
		}
		callers.Wait()
		if n, bytes := pending(a); n != 0 || bytes != 0 {
			t.Errorf("%d events and %d bytes are pending when all are answered", n, bytes)
		}
	})
}

// TestWhatWouldWaitTooLongIsTurnedAway has a store that takes 10 events in 100
// ms, and callers whom something else would serve within the second.
func TestWhatWouldWaitTooLongIsTurnedAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := start(t, &slowStore{delay: 100 * time.Millisecond}, Options{Writers: 1, MaxBatch: 10, MaxDelay: time.Second})
		for i := range 10 { // by which the rate is known
			if _, err := a.Append(t.Context(), events(10, fmt.Sprint("warm", i))); err != nil {
				t.Fatal(err)
			}
		}
		_, errs := appendAll(t, a, events(300, "e"))
		turned := 0
		for _, err := range errs {
			if errors.Is(err, store.ErrOverloaded) {
				turned++
			} else if err != nil {
				t.Error(err)
			}
		}
		if taken := len(errs) - turned; taken < 90 || taken > 120 {
			t.Errorf("%d of 300 events were taken, want those of about a second", taken)
		}
	})
}

// flush is what Options.OnFlush hears.
type flush struct {
	events int
	took   time.Duration
	failed bool
}

func TestFlushesAreTold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		next *slowStore
		want []flush
	}{
		{"a lone event and those that gather meanwhile", &slowStore{delay: time.Second}, []flush{{1, time.Second, false}, {4, time.Second, false}}},
		{"failures too", &slowStore{delay: time.Second, fail: store.ErrUnavailable}, []flush{{1, time.Second, true}, {4, time.Second, true}}},
		{"a batch that is split is one", &slowStore{poison: "e0"}, []flush{{1, 0, false}, {4, 0, false}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var got []flush
				a := start(t, test.next, Options{Writers: 1, OnFlush: func(events int, took time.Duration, err error) {
					got = append(got, flush{events, took, err != nil})
				}})
				list := events(5, "e")
				var first sync.WaitGroup
				first.Go(func() { _, _ = a.Append(t.Context(), list[:1]) })
				synctest.Wait()
				_, _ = a.Append(t.Context(), list[1:])
				first.Wait()
				if !slices.Equal(got, test.want) {
					t.Errorf("told of %v, want %v", got, test.want)
				}
			})
		})
	}
}

func TestPendingIsWhatIsNotAnswered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := start(t, &slowStore{delay: time.Second}, Options{Writers: 1})
		list := events(5, "e")
		var callers sync.WaitGroup
		for i := range list {
			callers.Go(func() { _, _ = a.Append(t.Context(), list[i:i+1]) })
		}
		synctest.Wait()
		if events, bytes := a.Pending(); events != 5 || bytes != 5*list[0].Size() {
			t.Errorf("%d events and %d bytes are pending", events, bytes)
		}
		callers.Wait()
		if events, bytes := a.Pending(); events != 0 || bytes != 0 {
			t.Errorf("%d events and %d bytes are pending after all were answered", events, bytes)
		}
	})
}
