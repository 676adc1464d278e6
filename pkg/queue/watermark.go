package queue

import (
	"slices"
	"time"
)

// forgetMargin is how long the store remembers deliveries that the queue has
// finished. A slow worker may still bring one that another has stored, and a queue
// that lost its last second delivers finished messages again.
const forgetMargin = 10 * time.Minute

// watermarks are the queue's low watermarks of the last [forgetMargin], the oldest
// first. The margin is measured by the worker's clock. By the queue's clock, a jump
// ahead would look like hours in which nothing was delivered again.
type watermarks []watermark

type watermark struct {
	at   time.Time // by the worker's clock
	mark time.Time // by the queue's clock
}

// observe adds a low watermark and returns the time before which deliveries can be
// forgotten. It returns the zero time if no watermark is old enough.
func (w *watermarks) observe(now, mark time.Time) time.Time {
	if mark.IsZero() {
		return time.Time{}
	}
	if n := len(*w); n > 0 && mark.Before((*w)[n-1].mark) {
		*w = nil // the queue lost its data
	}
	*w = append(*w, watermark{at: now, mark: mark})
	old := 0
	for old < len(*w) && now.Sub((*w)[old].at) >= forgetMargin {
		old++
	}
	if old == 0 {
		return time.Time{}
	}
	*w = slices.Delete(*w, 0, old-1)
	return (*w)[0].mark
}
