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

func TestAppend_FullBufferIsOverloadedAtOnce(t *testing.T) {
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
			t.Errorf("got %v after %s, want ErrOverloaded at once", err, time.Since(began))
		}
		if got := store.RetryAfter(err, 0); got != 6*time.Second {
			t.Errorf("30 events at 10 in 2 s: Retry-After is %s, want 6s", got)
		}
		callers.Wait()
		if n, bytes := pending(a); n != 0 || bytes != 0 {
			t.Errorf("%d events and %d bytes are pending after all results", n, bytes)
		}
	})
}

// TestAppend_RefusesEventsBeyondMaxDelay has a store that takes 10 events in 100
// ms, and a maximum delay of a second.
func TestAppend_RefusesEventsBeyondMaxDelay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := start(t, &slowStore{delay: 100 * time.Millisecond}, Options{Writers: 1, MaxBatch: 10, MaxDelay: time.Second})
		for i := range 10 { // measures the drain rate
			if _, err := a.Append(t.Context(), events(10, fmt.Sprint("warm", i))); err != nil {
				t.Fatal(err)
			}
		}
		_, errs := appendAll(t, a, events(300, "e"))
		refused := 0
		for _, err := range errs {
			if errors.Is(err, store.ErrOverloaded) {
				refused++
			} else if err != nil {
				t.Error(err)
			}
		}
		if taken := len(errs) - refused; taken < 90 || taken > 120 {
			t.Errorf("%d of 300 events were accepted, want those of about a second", taken)
		}
	})
}

// flush is a call of Options.OnFlush.
type flush struct {
	events int
	took   time.Duration
	failed bool
}

func TestAppender_CallsOnFlush(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		next *slowStore
		want []flush
	}{
		{"a single event and those that gather meanwhile", &slowStore{delay: time.Second}, []flush{{1, time.Second, false}, {4, time.Second, false}}},
		{"failures, too", &slowStore{delay: time.Second, fail: store.ErrUnavailable}, []flush{{1, time.Second, true}, {4, time.Second, true}}},
		{"a batch that is halved is one flush", &slowStore{poison: "e0"}, []flush{{1, 0, false}, {4, 0, false}}},
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
					t.Errorf("got calls %v, want %v", got, test.want)
				}
			})
		})
	}
}

func TestAppender_Pending(t *testing.T) {
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
			t.Errorf("%d events and %d bytes are pending after all results", events, bytes)
		}
	})
}
