package loadgen

import (
	"time"

	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// Bounds of the random wait before another attempt.
const (
	minBackoff = 50 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// newBackoff returns waits with full jitter, because the workers usually fail
// at the same time and must not come back at the same time.
func newBackoff(random func() float64) retry.Backoff {
	return retry.Backoff{Min: minBackoff, Max: maxBackoff, Jitter: 1, Random: random}
}

// waitAfter returns how long to wait after err: Retry-After plus the next
// backoff.
func waitAfter(err error, backoff *retry.Backoff) time.Duration {
	return max(0, store.RetryAfter(err, 0)) + backoff.Next()
}

// retries is the state of an append that has failed.
type retries struct {
	attempts  int
	since     time.Time // of the first failure
	completed int64     // events of all workers, at the first failure
	backoff   retry.Backoff
}
