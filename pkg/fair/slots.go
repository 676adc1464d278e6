package fair

import (
	"context"
	"slices"
	"sync"
)

// Slots is a semaphore, for example for slow reads. One client can hold all slots but one.
// A slot that becomes free goes to the waiting client that holds the fewest, and among
// those to the one that has waited longest. Make one with [NewSlots]. It is safe for
// concurrent use.
type Slots struct {
	limit int // of a client

	mu      sync.Mutex
	free    int
	held    map[string]int // without zeros
	waiters []*waiter      // the longest first
}

type waiter struct {
	client  string
	granted chan struct{}
}

// NewSlots returns n free slots, at least 1.
func NewSlots(n int) *Slots {
	return &Slots{limit: max(1, n-1), free: max(1, n), held: map[string]int{}}
}

// Acquire takes a slot for a client. It waits until the client may have one, or until
// ctx ends, and then returns the context's error.
func (s *Slots) Acquire(ctx context.Context, client string) error {
	s.mu.Lock()
	if s.free > 0 && s.held[client] < s.limit {
		s.grant(client)
		s.mu.Unlock()
		return nil
	}
	w := &waiter{client: client, granted: make(chan struct{})}
	s.waiters = append(s.waiters, w)
	s.mu.Unlock()
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := slices.Index(s.waiters, w); at >= 0 {
		s.waiters = slices.Delete(s.waiters, at, at+1)
		return ctx.Err()
	}
	return nil // it was granted at the same moment
}

// Release gives a slot of a client back.
func (s *Slots) Release(client string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free++
	s.held[client]--
	if s.held[client] == 0 {
		delete(s.held, client)
	}
	best := -1
	for i, w := range s.waiters {
		if held := s.held[w.client]; held < s.limit && (best < 0 || held < s.held[s.waiters[best].client]) {
			best = i
		}
	}
	if best >= 0 {
		w := s.waiters[best]
		s.waiters = slices.Delete(s.waiters, best, best+1)
		s.grant(w.client)
		close(w.granted)
	}
}

// grant gives a free slot to a client. The caller holds mu.
func (s *Slots) grant(client string) {
	s.free--
	s.held[client]++
}
