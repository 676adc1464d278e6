package follow

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// behindWhileStoring returns a hub with followers that are all behind, while the
// process stores events until stop is called.
func behindWhileStoring(t *testing.T, count int) (_ *Hub, followers []*Follower, stop func()) {
	t.Helper()
	fake, committed := &fakeStore{}, make(chan struct{}, 1)
	fake.add(10 * pageEvents)
	h := newHub(fake, func(o *Options) { o.Committed = committed })
	storing, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for storing.Err() == nil {
			select {
			case committed <- struct{}{}:
			default:
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	stop = func() { cancel(); <-ended }
	first, err := h.Join(t.Context(), store.Filter{}, store.Position{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // by then the hub has noticed the commits
	followers = make([]*Follower, count)
	var joining sync.WaitGroup
	for i := range followers {
		joining.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), readTimeout)
			defer cancel()
			follower, err := h.Join(ctx, store.Filter{}, store.Position{}, nil)
			if err != nil {
				t.Errorf("follower %d can't join: %v", i, err)
				follower = first
			}
			followers[i] = follower
		})
	}
	joining.Wait()
	first.Leave()
	return h, followers, stop
}

func TestHub_JoinDoesNotWaitForTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, followers, stop := behindWhileStoring(t, 500) // one after the other, their pages take half a minute of the budget
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("joining took %v", took)
		}
		stop()
		leave(followers)
	})
}

func TestFollower_NextReturnsWhileItWaitsForTheBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, followers, stop := behindWhileStoring(t, 900)
		waiting := make(chan *Follower, len(followers))
		var reading sync.WaitGroup
		for _, f := range followers {
			reading.Go(func() {
				begin := time.Now()
				text, err := f.Next(t.Context(), 15*time.Second)
				if err != nil || time.Since(begin) > 15*time.Second {
					t.Errorf("got %d bytes after %v, %v", len(text), time.Since(begin), err)
				}
				if len(text) == 0 {
					waiting <- f
				}
			})
		}
		reading.Wait()
		stop()
		if len(waiting) < len(followers)/2 {
			t.Fatalf("only %d followers wait", len(waiting))
		}
		late := <-waiting
		if got := late.Position(); !got.IsZero() {
			t.Errorf("position %v before any event was returned", got)
		}
		begin := time.Now()
		seen, err := read(t.Context(), late, 5)
		if err != nil || !slices.Equal(seen[:5], numbers(1, 5, every)) || time.Since(begin) > 3*time.Second {
			t.Errorf("read %v, %v after storing stopped, %v", seen, time.Since(begin), err)
		}
		leave(followers)
	})
}

func TestFollower_LeaveReleasesItsBudget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		h, followers, stop := behindWhileStoring(t, 500)
		leave(followers)
		again, err := h.Join(t.Context(), store.Filter{}, store.Position{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if text, err := again.Next(t.Context(), time.Minute); err != nil || len(text) == 0 || time.Since(begin) > 2*time.Second {
			t.Errorf("got %d bytes after %v, %v", len(text), time.Since(begin), err)
		}
		stop()
		again.Leave()
	})
}

func TestHub_IgnoresCommitsFromBeforeTheFirstFollower(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake, committed := &fakeStore{}, make(chan struct{}, 1)
		h := newHub(fake, func(o *Options) { o.Committed = committed })
		fake.add(10)
		committed <- struct{}{}
		time.Sleep(time.Hour) // without followers
		follower, err := h.Join(t.Context(), store.Filter{}, store.Position{}, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer follower.Leave()
		synctest.Wait()
		if h.budget.storing() {
			t.Error("a commit of an hour ago counts as a new one")
		}
	})
}

func leave(followers []*Follower) {
	for _, f := range followers {
		f.Leave()
	}
}
