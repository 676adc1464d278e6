package retry_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/retry"
)

func TestBackoff_Next(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	half := func() float64 { return 0.5 }
	tests := []struct {
		name    string
		backoff retry.Backoff
		want    []time.Duration
	}{
		{"doubles up to the maximum", retry.Backoff{Min: 5 * ms, Max: 30 * ms}, []time.Duration{5 * ms, 10 * ms, 20 * ms, 30 * ms, 30 * ms}},
		{"grows by its factor", retry.Backoff{Min: ms, Max: time.Second, Factor: 10}, []time.Duration{ms, 10 * ms, 100 * ms, time.Second}},
		{"is constant without a maximum", retry.Backoff{Min: ms}, []time.Duration{ms, ms, ms}},
		{"has half of it random", retry.Backoff{Min: 8 * ms, Max: 16 * ms, Jitter: 0.5, Random: half}, []time.Duration{6 * ms, 12 * ms, 12 * ms}},
		{"has all of it random", retry.Backoff{Min: 8 * ms, Max: 16 * ms, Jitter: 1, Random: half}, []time.Duration{4 * ms, 8 * ms, 8 * ms}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for range 2 { // a second time after Reset
				var got []time.Duration
				for range test.want {
					got = append(got, test.backoff.Next())
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("got %v, want %v", got, test.want)
				}
				test.backoff.Reset()
			}
		})
	}
}

func TestBackoff_StaysWithinBounds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		low := time.Duration(rapid.Int64Range(1, 1<<62).Draw(t, "min"))
		high := time.Duration(rapid.Int64Range(int64(low), 1<<62).Draw(t, "max"))
		jitter := rapid.Float64Range(0, 1).Draw(t, "jitter")
		b := retry.Backoff{
			Min: low, Max: high, Factor: rapid.Float64Range(1, 1e6).Draw(t, "factor"),
			Jitter: jitter, Random: func() float64 { return rapid.Float64Range(0, 0.999).Draw(t, "random") },
		}
		for range 30 {
			if wait := b.Next(); float64(wait) < (1-jitter)*float64(low)*0.999-1 || wait > high {
				t.Fatalf("wait of %d with bounds %d to %d and jitter %v", wait, low, high, jitter)
			}
		}
	})
}
