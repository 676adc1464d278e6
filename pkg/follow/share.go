package follow

import (
	"sync"
	"time"
)

// The share of one processor that followers get while the process stores events:
// a sixteenth. Clients on the same machine take as much again, and the reader of
// the tail what it needs.
const shareOf = 16

// shareAhead is how much of the share may be used at once after a pause.
const shareAhead = time.Second

// What a follower's work costs: measured on the loopback of a 2-core machine in a
// bad mood, and near enough for a share.
const (
	costOfWrite    = 25 * time.Microsecond
	costOfKilobyte = time.Microsecond
	costOfRecord   = 20 * time.Microsecond // of a page of its own: query, row and text, the database's part included
)

// costOf is what writing a chunk costs.
func costOf(chunk []byte) time.Duration {
	const kilobyte = 1000
	return costOfWrite + costOfKilobyte*time.Duration(len(chunk)/kilobyte)
}

// share gives each who charges it a time: that at which all that was charged so
// far may have been done. golang.org/x/time/rate has no way to give back what
// others have charged after.
type share struct {
	mu    sync.Mutex
	until time.Time
}

// charge returns when work may have been done, and what it takes of the time
// until then.
func (s *share) charge(work time.Duration, now time.Time) (due time.Time, took time.Duration) {
	took = min(work*shareOf, shareAhead)
	s.mu.Lock()
	defer s.mu.Unlock()
	if begin := now.Add(-shareAhead); s.until.Before(begin) {
		s.until = begin
	}
	s.until = s.until.Add(took)
	return s.until, took
}

// refund gives back what was charged and is not used before its time.
func (s *share) refund(took time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.until = s.until.Add(-took)
}
