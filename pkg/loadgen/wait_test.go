package loadgen

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestWaitPrecisely(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{-time.Second, 0, 100 * time.Microsecond, 3 * time.Millisecond} {
		began := time.Now()
		if err := waitPrecisely(t.Context(), d); err != nil || time.Since(began) < d {
			t.Errorf("waited %s instead of %s, %v", time.Since(began), d, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := waitPrecisely(ctx, time.Hour); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
