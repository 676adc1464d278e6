package loadgen

import (
	"math"
	"testing"
	"time"
)

func TestPacer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		rate    float64
		slot    int64
		elapsed time.Duration
		due     time.Duration
		wait    time.Duration
	}{
		"a closed loop never waits":               {0, 1000, time.Second, 0, 0},
		"the first slot is due at once":           {100, 0, 0, 0, 0},
		"a slot is due at its number by the rate": {100, 50, 0, 500 * time.Millisecond, 500 * time.Millisecond},
		"a worker waits for what is left":         {100, 50, 300 * time.Millisecond, 500 * time.Millisecond, 200 * time.Millisecond},
		"a late worker doesn't wait":              {100, 50, 700 * time.Millisecond, 500 * time.Millisecond, 0},
		"a late worker doesn't move the schedule": {100, 51, 700 * time.Millisecond, 510 * time.Millisecond, 0},
		"a rate below one":                        {0.5, 3, 0, 6 * time.Second, 6 * time.Second},
		"the maximum is 292 years":                {1e-9, math.MaxInt64, 0, math.MaxInt64, math.MaxInt64},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := Pacer{Rate: test.rate}
			if got := p.Due(test.slot); got != test.due {
				t.Errorf("due after %v, want %v", got, test.due)
			}
			if got := p.Wait(test.elapsed, test.slot); got != test.wait {
				t.Errorf("waits %v, want %v", got, test.wait)
			}
		})
	}
}
