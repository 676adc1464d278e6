package retry

import (
	"math"
	"time"
)

// Defaults of DrainRate.
const (
	defaultMinDrain = time.Second // the smallest Retry-After above zero
	defaultMaxDrain = time.Minute
	defaultHalfLife = 5 * time.Second
	// minObserved is the time that must be observed before there is an
	// estimate from totals. Two samples a microsecond apart show nothing.
	minObserved = time.Second
)

// DrainRate estimates how long a backlog takes to drain from how fast it has
// drained so far. Recent observations weigh more: an observation counts half
// after HalfLife. It is not safe for concurrent use.
//
// Report progress with one of two methods: [DrainRate.Observe] if the time
// spent draining is known, [DrainRate.ObserveTotal] if only a running total is.
type DrainRate struct {
	Min      time.Duration // minimum of Wait; default 1 s
	Max      time.Duration // maximum of Wait and Estimate; default 1 min
	Unknown  time.Duration // Wait before anything is known; default Min
	HalfLife time.Duration // default 5 s

	amount  float64 // weighted sum of what has drained
	seconds float64 // weighted sum of the time that took

	at    time.Time // of the last total that counted
	total int64
}

// Observe records that amount has drained in the time took. Time without work
// is left out, so an idle hour does not look like a slow drain.
func (d *DrainRate) Observe(amount int64, took time.Duration) {
	if took <= 0 {
		took = 1 // a clock that is too coarse must not make the rate infinite
	}
	// Weighting decays continuously with time: within this observation, too.
	// Otherwise one long observation would outweigh many short ones for long.
	lives := took.Seconds() / orDefault(d.HalfLife, defaultHalfLife).Seconds() * math.Ln2
	decay := math.Exp(-lives)
	weight := -math.Expm1(-lives) / lives
	d.amount = d.amount*decay + weight*float64(amount)
	d.seconds = d.seconds*decay + weight*took.Seconds()
}

// ObserveTotal records that total has drained since the start, as of now.
// Samples less than a second after the last one that counted are ignored: their
// progress is part of the next sample. A total that is lower than before means
// that the counter was reset, so what was observed is forgotten.
func (d *DrainRate) ObserveTotal(now time.Time, total int64) {
	elapsed := now.Sub(d.at)
	switch {
	case d.at.IsZero():
	case total < d.total || elapsed < 0:
		d.amount, d.seconds = 0, 0
	case elapsed < minObserved:
		return
	default:
		d.Observe(total-d.total, elapsed)
	}
	d.at, d.total = now, total
}

// Resume ignores the time since the last call of ObserveTotal. Call it when a
// backlog begins after there was none.
func (d *DrainRate) Resume(now time.Time) { d.at = now }

// Estimate returns how long the backlog takes to drain, at most Max. It returns
// false if nothing has been observed.
func (d *DrainRate) Estimate(backlog int64) (time.Duration, bool) {
	limit := orDefault(d.Max, defaultMaxDrain)
	if d.seconds == 0 {
		return 0, false
	}
	seconds := float64(backlog) / d.amount * d.seconds
	if !(seconds < limit.Seconds()) { // NaN, too: no backlog and no progress
		if backlog <= 0 {
			return 0, true
		}
		return limit, true
	}
	return time.Duration(max(0, seconds) * float64(time.Second)).Round(time.Microsecond), true
}

// Wait returns the Retry-After for a client that waits for the backlog: Estimate,
// but at least Min, or Unknown if nothing has been observed.
func (d *DrainRate) Wait(backlog int64) time.Duration {
	low := orDefault(d.Min, defaultMinDrain)
	wait, known := d.Estimate(backlog)
	if !known {
		return orDefault(d.Unknown, low)
	}
	return max(wait, low)
}

func orDefault(d, value time.Duration) time.Duration {
	if d == 0 {
		return value
	}
	return d
}
