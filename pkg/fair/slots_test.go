package fair_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/fair"
)

// TestSlots_GoToTheClientWithTheFewest starts clients in an order, one after the other.
// Each holds its slot for as many seconds as the test says.
func TestSlots_GoToTheClientWithTheFewest(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		slots   int
		clients []string
		want    []string // in the order in which they got a slot
	}{
		"a client alone has all but one":          {3, []string{"a", "a", "a", "a"}, []string{"a", "a", "a", "a"}},
		"another client gets the last one":        {3, []string{"a", "a", "a", "a", "b"}, []string{"a", "a", "b", "a", "a"}},
		"a new client is before a waiting one":    {3, []string{"a", "a", "b", "a", "c"}, []string{"a", "a", "b", "c", "a"}},
		"one slot is for one client at a time":    {1, []string{"a", "a", "b"}, []string{"a", "a", "b"}},
		"the longest wait decides between others": {2, []string{"a", "b", "c", "d"}, []string{"a", "b", "c", "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				slots := fair.NewSlots(row.slots)
				var mu sync.Mutex
				var got []string
				var running sync.WaitGroup
				for i, client := range row.clients {
					running.Go(func() {
						if err := slots.Acquire(t.Context(), client); err != nil {
							t.Error(err)
						}
						mu.Lock()
						got = append(got, client)
						mu.Unlock()
						time.Sleep(time.Minute + time.Duration(i)*time.Second)
						slots.Release(client)
					})
					synctest.Wait()
				}
				running.Wait()
				if !slices.Equal(got, row.want) {
					t.Errorf("got %q, want %q", got, row.want)
				}
			})
		})
	}
}

func TestSlots_WaitEndsWithTheContext(t *testing.T) {
	t.Parallel()
	slots := fair.NewSlots(1)
	if err := slots.Acquire(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := slots.Acquire(ctx, "b"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	slots.Release("a")
	if err := slots.Acquire(ctx, "b"); err != nil {
		t.Errorf("a slot that is free: %v", err)
	}
}
