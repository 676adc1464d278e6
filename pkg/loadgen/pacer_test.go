package loadgen

import (
	"errors"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
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
		"being late doesn't move the plan":        {100, 51, 700 * time.Millisecond, 510 * time.Millisecond, 0},
		"a rate below one":                        {0.5, 3, 0, 6 * time.Second, 6 * time.Second},
		"a time beyond all runs is cut":           {1e-9, math.MaxInt64, 0, math.MaxInt64, math.MaxInt64},
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

func TestBackoff(t *testing.T) {
	t.Parallel()
	asked := fmt.Errorf("append: %w", &store.RetryError{Err: store.ErrOverloaded, After: 2 * time.Second})
	tests := map[string]struct {
		err     error
		attempt int
		random  float64
		want    time.Duration
	}{
		"no luck is no wait":                    {store.ErrUnavailable, 3, 0, 0},
		"the first wait is short":               {store.ErrUnavailable, 0, 0.5, 25 * time.Millisecond},
		"the bound doubles":                     {store.ErrUnavailable, 2, 0.5, 100 * time.Millisecond},
		"up to a limit":                         {store.ErrUnavailable, 10, 0.5, 2500 * time.Millisecond},
		"which no number of attempts leaves":    {store.ErrUnavailable, 1 << 40, 0.5, 2500 * time.Millisecond},
		"what is asked for is kept":             {asked, 0, 0, 2 * time.Second},
		"and spread, lest all come back as one": {asked, 1, 0.5, 2050 * time.Millisecond},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := backoff(test.err, test.attempt, test.random); got != test.want {
				t.Errorf("waits %v, want %v", got, test.want)
			}
		})
	}
	if store.Temporary(errors.New("other")) || store.Temporary(store.ErrRejected) || !store.Temporary(asked) {
		t.Error("only unavailable and overloaded targets are worth retrying")
	}
}
