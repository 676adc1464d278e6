package loadgen

import (
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

func TestWaitAfter(t *testing.T) {
	t.Parallel()
	withRetryAfter := &store.RetryError{Err: store.ErrOverloaded, After: 2 * time.Second}
	tests := map[string]struct {
		err    error
		after  int // attempts before
		random float64
		want   time.Duration
	}{
		"is the backoff without Retry-After": {store.ErrUnavailable, 0, 0, minBackoff},
		"is a random part of the backoff":    {store.ErrUnavailable, 2, 0.5, 2 * minBackoff},
		"is limited":                         {store.ErrUnavailable, 50, 0.5, maxBackoff / 2},
		"is at least Retry-After":            {withRetryAfter, 0, 1, 2 * time.Second},
		"adds the backoff to Retry-After":    {withRetryAfter, 0, 0, 2*time.Second + minBackoff},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			backoff := newBackoff(func() float64 { return test.random })
			for range test.after {
				backoff.Next()
			}
			if got := waitAfter(test.err, &backoff); got != test.want {
				t.Errorf("waits %v, want %v", got, test.want)
			}
		})
	}
}
