package transport

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
)

func TestContextWatch(t *testing.T) {
	t.Parallel()
	type scene struct {
		*contextWatch
		first, second       context.Context
		endFirst, endSecond context.CancelFunc
	}
	tests := map[string]struct {
		play        func(scene)
		interrupted int
	}{
		"interrupts a request when its context ends": {func(s scene) {
			s.begin(s.first)
			s.endFirst()
		}, 1},
		"interrupts a request whose context has ended before": {func(s scene) {
			s.endFirst()
			s.begin(s.first)
		}, 1},
		"interrupts the next request with the same context": {func(s scene) {
			s.begin(s.first)
			s.end()
			s.begin(s.first)
			s.endFirst()
		}, 1},
		"interrupts the next request if the context ended in between": {func(s scene) {
			s.begin(s.first)
			s.end()
			s.endFirst()
			synctest.Wait()
			s.begin(s.first)
		}, 1},
		"ignores a context that ends after its request": {func(s scene) {
			s.begin(s.first)
			s.end()
			s.endFirst()
		}, 0},
		"ignores the context of an earlier request": {func(s scene) {
			s.begin(s.first)
			s.end()
			s.begin(s.second)
			s.endFirst()
		}, 0},
		"interrupts a request with a new context": {func(s scene) {
			s.begin(s.first)
			s.end()
			s.begin(s.second)
			s.endSecond()
		}, 1},
		"never interrupts if the context never ends": {func(s scene) {
			s.begin(s.first)
			s.end()
			s.begin(context.Background())
			s.endFirst()
		}, 0},
		"ignores a context after stop": {func(s scene) {
			s.begin(s.first)
			s.stop()
			s.endFirst()
		}, 0},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				interrupted := 0
				s := scene{contextWatch: &contextWatch{interrupt: func() { interrupted++ }}}
				s.first, s.endFirst = context.WithCancel(t.Context())
				s.second, s.endSecond = context.WithCancel(t.Context())
				test.play(s)
				synctest.Wait()
				if intact := s.end(); interrupted != test.interrupted || intact != (interrupted == 0) {
					t.Errorf("interrupted %d times, intact %v", interrupted, intact)
				}
				s.stop()
				s.endFirst()
				s.endSecond()
			})
		})
	}
}

func TestContextWatch_IgnoresContextsOfEarlierRequests(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	current := 0
	w := &contextWatch{interrupt: func() {
		mu.Lock()
		defer mu.Unlock()
		t.Errorf("request %d was interrupted by the context of an earlier one", current)
	}}
	for i := range 10_000 {
		ctx, cancel := context.WithCancel(t.Context())
		w.begin(ctx)
		mu.Lock()
		current = i
		mu.Unlock()
		w.end()
		cancel() // the callback runs in its own goroutine and may be late
	}
	w.stop()
}
