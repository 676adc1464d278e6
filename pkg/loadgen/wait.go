package loadgen

import (
	"context"
	"time"

	"github.com/eventagg/eventagg/pkg/retry"
)

// wakeEarly is how long before the end of a wait the precise part begins. Timers of the
// runtime are up to 1.1 ms late when the process is idle, which was most of the measured
// latency at low rates (the median at 200 events/s was 1.35 ms).
const wakeEarly = 1500 * time.Microsecond

// waitPrecisely waits d, unless ctx ends before. It is at most some 0.1 ms late.
func waitPrecisely(ctx context.Context, d time.Duration) error {
	end := time.Now().Add(d)
	if err := retry.Sleep(ctx, max(0, d-wakeEarly)); err != nil {
		return err
	}
	for left := time.Until(end); left > 0; left = time.Until(end) {
		nap(left)
		if time.Until(end) != left {
			continue
		}
		if err := retry.Sleep(ctx, left); err != nil { // the clock of a test stood still
			return err
		}
	}
	return ctx.Err()
}
