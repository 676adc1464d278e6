package queue

import (
	"slices"
	"time"
)

// forgetMargin is for how long the store remembers deliveries that the queue is
// done with: for a worker that was slow and comes with what another has stored,
// and for a queue that lost its last second and delivers again what was done.
const forgetMargin = 10 * time.Minute

// horizons are what a queue said of itself in the last [forgetMargin], the
// oldest first. The margin is time that passes here: by the queue's clock a jump
// ahead would be taken for hours in which nothing came again.
type horizons []horizon

type horizon struct {
	at   time.Time // by the worker's clock
	done time.Time // by the queue's
}

// learn notes a horizon and returns the one that may be forgotten before, zero
// where none is old enough yet.
func (h *horizons) learn(now, done time.Time) time.Time {
	if n := len(*h); n > 0 && done.Before((*h)[n-1].done) {
		*h = nil // the queue lost its data and counts anew
	}
	*h = append(*h, horizon{at: now, done: done})
	old := 0
	for old < len(*h) && now.Sub((*h)[old].at) >= forgetMargin {
		old++
	}
	if old == 0 {
		return time.Time{}
	}
	*h = slices.Delete(*h, 0, old-1)
	return (*h)[0].done
}
