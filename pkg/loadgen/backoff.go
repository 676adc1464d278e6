package loadgen

import (
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// The bounds of the wait before another attempt.
const (
	firstBackoff = 50 * time.Millisecond
	maxBackoff   = 5 * time.Second
)

// backoff is the wait after the given failed attempt, from 0: what the error
// asks for, and on top of it full jitter, a random part of a bound that doubles
// every time. Without the jitter all workers would come back at once. Random
// lies from 0 to below 1.
func backoff(err error, attempt int, random float64) time.Duration {
	bound := maxBackoff
	if shift := uint(attempt); shift < 16 {
		bound = min(bound, firstBackoff<<shift)
	}
	return max(0, store.RetryAfter(err, 0)) + time.Duration(random*float64(bound))
}
