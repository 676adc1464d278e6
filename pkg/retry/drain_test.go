package retry_test

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/retry"
)

func TestDrainRate_Wait(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		rate    retry.DrainRate
		amount  int64
		took    time.Duration
		backlog int64
		want    time.Duration
	}{
		{"is the minimum if nothing was observed", retry.DrainRate{}, 0, 0, 50_000, time.Second},
		{"is Unknown if nothing was observed", retry.DrainRate{Unknown: 5 * time.Second}, 0, 0, 50_000, 5 * time.Second},
		{"is at least a second", retry.DrainRate{}, 1000, time.Second, 10, time.Second},
		{"is five seconds for 5,000 events at 1,000/s", retry.DrainRate{}, 1000, time.Second, 5000, 5 * time.Second},
		{"is at most a minute", retry.DrainRate{}, 1, time.Second, 1_000_000, time.Minute},
		{"has other bounds if set", retry.DrainRate{Min: 3 * time.Second, Max: 4 * time.Second}, 1, time.Second, 10, 4 * time.Second},
		{"is the maximum if nothing drains", retry.DrainRate{}, 0, time.Second, 1, time.Minute},
		{"is the minimum without a backlog", retry.DrainRate{}, 0, time.Second, 0, time.Second},
		{"is finite if no time passed", retry.DrainRate{}, 1000, 0, 1000, time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if test.amount > 0 || test.took > 0 {
				test.rate.Observe(test.amount, test.took)
			}
			if got := test.rate.Wait(test.backlog); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestDrainRate_IgnoresWhatIsLongAgo(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var d retry.DrainRate
		for range rapid.IntRange(0, 50).Draw(t, "observations before") {
			d.Observe(rapid.Int64Range(1, 1000).Draw(t, "amount"), time.Duration(rapid.Int64Range(1, 1e12).Draw(t, "ns")))
		}
		for range 500 { // ten half-lives
			d.Observe(1000, 100*time.Millisecond)
		}
		want := 20 * time.Second // 200,000 at 10,000/s
		if got := d.Wait(200_000); got < want*95/100 || got > want*105/100 {
			t.Fatalf("200,000 events at 10,000/s take %s", got)
		}
	})
}

// The estimate is a weighted mean, so it can't leave the range of what was
// observed, whatever the lengths of the observations.
func TestDrainRate_LiesBetweenTheRatesObserved(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		d := retry.DrainRate{Max: 1 << 62}
		slowest, fastest := time.Duration(1<<62), time.Duration(0)
		for range rapid.IntRange(1, 20).Draw(t, "observations") {
			took := time.Duration(rapid.Int64Range(1e6, 1e12).Draw(t, "ns"))
			amount := rapid.Int64Range(1, 1e6).Draw(t, "amount")
			d.Observe(amount, took)
			per := took * 1000 / time.Duration(amount) // for a backlog of 1,000
			slowest, fastest = min(slowest, per), max(fastest, per)
		}
		got, known := d.Estimate(1000)
		if !known || got < slowest*99/100-time.Microsecond || got > fastest/100*101+time.Microsecond {
			t.Fatalf("estimate %s (%v) is outside of %s to %s", got, known, slowest, fastest)
		}
	})
}

func TestDrainRate_ObserveTotal(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_000_000, 0)
	at := func(ms int64) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	type sample struct{ ms, total int64 }
	tests := []struct {
		name    string
		samples []sample
		want    time.Duration // for a backlog of 20,000
	}{
		{"knows nothing from one sample", []sample{{0, 500}}, 7 * time.Second},
		{"takes the difference of two", []sample{{0, 500}, {1000, 2500}}, 10 * time.Second},
		{"ignores samples that are too close", []sample{{0, 0}, {1, 1000}, {999, 1999}}, 7 * time.Second},
		{"counts their progress with the next", []sample{{0, 0}, {1, 1000}, {2000, 4000}}, 10 * time.Second},
		{"forgets all if the counter was reset", []sample{{0, 0}, {1000, 2000}, {2000, 10}}, 7 * time.Second},
		{"starts again after a reset", []sample{{0, 5000}, {1000, 10}, {2000, 4010}}, 5 * time.Second},
		{"starts again if the clock went back", []sample{{5000, 0}, {1000, 10}, {2000, 4010}}, 5 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			d := retry.DrainRate{Unknown: 7 * time.Second}
			for _, s := range test.samples {
				d.ObserveTotal(at(s.ms), s.total)
			}
			if got := d.Wait(20_000); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestDrainRate_ResumeLeavesIdleTimeOut(t *testing.T) {
	t.Parallel()
	var d retry.DrainRate
	start := time.Unix(1_000_000, 0)
	d.ObserveTotal(start, 0)
	d.ObserveTotal(start.Add(time.Second), 1000)
	d.Resume(start.Add(time.Hour))
	d.ObserveTotal(start.Add(time.Hour+time.Second), 2000)
	if got, want := d.Wait(10_000), 10*time.Second; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
