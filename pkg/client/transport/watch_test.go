package transport

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
)

func TestWatch(t *testing.T) {
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
		"interrupts what is under way when its context ends": {func(s scene) {
			s.begin(s.first)
			s.endFirst()
		}, 1},
		"interrupts what begins with a context that has ended": {func(s scene) {
			s.endFirst()
			s.begin(s.first)
		}, 1},
		"interrupts the next with the same context, too": {func(s scene) {
			s.begin(s.first)
			s.end()
			s.begin(s.first)
			s.endFirst()
		}, 1},
		"interrupts the next where the context ended in between": {func(s scene) {
			s.begin(s.first)
			s.end()
			s.endFirst()
			synctest.Wait()
			s.begin(s.first)
		}, 1},
		"leaves alone what has ended before its context": {func(s scene) {
			s.begin(s.first)
			s.end()
			s.endFirst()
		}, 0},
		"leaves alone what is under way with another context": {func(s scene) {
			s.begin(s.first)
			s.end()
			s.begin(s.second)
			s.endFirst()
		}, 0},
		"interrupts what is under way with the latest context": {func(s scene) {
			s.begin(s.first)
			s.end()
			s.begin(s.second)
			s.endSecond()
		}, 1},
		"never interrupts where the context never ends": {func(s scene) {
			s.begin(s.first)
			s.end()
			s.begin(context.Background())
			s.endFirst()
		}, 0},
		"hears of no context that it was told to forget": {func(s scene) {
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

func TestWatchNeverInterruptsForAContextThatIsOver(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	current := 0
	w := &contextWatch{interrupt: func() {
		mu.Lock()
		defer mu.Unlock()
		t.Errorf("request %d was interrupted by an earlier one's context", current)
	}}
	for i := range 10_000 {
		ctx, cancel := context.WithCancel(t.Context())
		w.begin(ctx)
		mu.Lock()
		current = i
		mu.Unlock()
		w.end()
		cancel() // its end is told in a goroutine of its own, which may be late
	}
	w.stop()
}
