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

// crowd is a feed with many followers that are all behind, while the process
// stores events.
func crowd(t *testing.T, size int) (_ *Hub, followers []*Follower, quiet func()) {
	t.Helper()
	j, committed := &journal{}, make(chan struct{}, 1)
	j.add(10 * pageEvents)
	f := newFeed(j, func(o *Options) { o.Committed = committed })
	storing, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for storing.Err() == nil {
			select {
			case committed <- struct{}{}:
			default:
			}
			pause(storing, 10*time.Millisecond)
		}
	}()
	quiet = func() { stop(); <-ended }
	first, err := f.Join(t.Context(), store.Filter{}, store.Position{})
	if err != nil {
		t.Fatal(err)
	}
	pause(t.Context(), time.Second) // by then the feed knows of the storing
	followers = make([]*Follower, size)
	var joining sync.WaitGroup
	for i := range followers {
		joining.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), readTimeout)
			defer cancel()
			follower, err := f.Join(ctx, store.Filter{}, store.Position{})
			if err != nil {
				t.Errorf("follower %d can't join: %v", i, err)
				follower = first
			}
			followers[i] = follower
		})
	}
	joining.Wait()
	first.Leave()
	return f, followers, quiet
}

func TestJoiningDoesNotWaitForTheShare(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		_, followers, quiet := crowd(t, 500) // in turns, their pages take half a minute of the share
		if took := time.Since(begin); took > 2*time.Second {
			t.Errorf("joining took %v", took)
		}
		quiet()
		leave(followers)
	})
}

func TestAFollowerThatWaitsForItsShareGivesASignOfLife(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, followers, quiet := crowd(t, 900)
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
		quiet()
		if len(waiting) < len(followers)/2 {
			t.Fatalf("only %d wait", len(waiting))
		}
		late := <-waiting
		if got := late.Position(); !got.IsZero() {
			t.Errorf("is at %v with nothing given out", got)
		}
		begin := time.Now()
		seen, err := read(t.Context(), late, 5)
		if err != nil || !slices.Equal(seen[:5], numbers(1, 5, every)) || time.Since(begin) > 3*time.Second {
			t.Errorf("saw %v after %v of quiet, %v", seen, time.Since(begin), err)
		}
		leave(followers)
	})
}

func TestWhoLeavesPaysBackTheShareThatItDidNotUse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f, followers, quiet := crowd(t, 500)
		leave(followers)
		again, err := f.Join(t.Context(), store.Filter{}, store.Position{})
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		if text, err := again.Next(t.Context(), time.Minute); err != nil || len(text) == 0 || time.Since(begin) > 2*time.Second {
			t.Errorf("got %d bytes after %v, %v", len(text), time.Since(begin), err)
		}
		quiet()
		again.Leave()
	})
}

func TestWhatWasStoredLongAgoIsNotSpared(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, committed := &journal{}, make(chan struct{}, 1)
		f := newFeed(j, func(o *Options) { o.Committed = committed })
		j.add(10)
		committed <- struct{}{}
		pause(t.Context(), time.Hour) // in which nobody follows, and nobody hears of the commit
		follower, err := f.Join(t.Context(), store.Filter{}, store.Position{})
		if err != nil {
			t.Fatal(err)
		}
		defer follower.Leave()
		synctest.Wait()
		if f.storing() {
			t.Error("an event of an hour ago is taken for a new one")
		}
	})
}

func leave(followers []*Follower) {
	for _, f := range followers {
		f.Leave()
	}
}
