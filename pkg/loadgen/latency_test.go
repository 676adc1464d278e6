package loadgen

import (
	"testing"
	"time"
)

func TestLatencies_Summary(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		took []time.Duration
		want Latency
	}{
		"no latency is zero":                  {nil, Latency{}},
		"below a microsecond counts as one":   {[]time.Duration{0}, same(time.Microsecond)},
		"a clock that goes back does no harm": {[]time.Duration{-time.Second}, same(time.Microsecond)},
		"more than an hour counts as an hour": {[]time.Duration{48 * time.Hour}, same(time.Hour)},
		"is exact to three digits":            {[]time.Duration{1_234_567 * time.Microsecond}, same(1_234_567 * time.Microsecond)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLatencies()
			for _, took := range test.took {
				l.record(took)
			}
			got := l.summary()
			for what, pair := range map[string][2]time.Duration{
				"p50": {got.P50, test.want.P50}, "p99": {got.P99, test.want.P99}, "max": {got.Max, test.want.Max},
			} {
				if off := (pair[0] - pair[1]).Abs(); off > pair[1]/1000 {
					t.Errorf("%s is %v, want %v", what, pair[0], pair[1])
				}
			}
			if got.P50 > got.Max {
				t.Errorf("the median %v is above the maximum %v", got.P50, got.Max)
			}
		})
	}
}

// same returns the latency of a run with equal times.
func same(took time.Duration) Latency {
	return Latency{P50: took, P90: took, P99: took, P999: took, Max: took}
}
