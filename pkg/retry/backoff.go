package retry

import "time"

// defaultFactor doubles the wait with each attempt.
const defaultFactor = 2

// Backoff computes the waits between attempts. They grow from Min by Factor up
// to Max. It is not safe for concurrent use.
type Backoff struct {
	Min    time.Duration  // first wait
	Max    time.Duration  // maximum wait; 0 means Min
	Factor float64        // growth per attempt; default 2
	Jitter float64        // random part of each wait, from 0 (none) to 1 (all of it)
	Random func() float64 // returns a value in [0, 1); nil disables jitter

	wait time.Duration // next wait, without jitter; 0 before the first
}

// Next returns the wait before the next attempt. Jitter only makes it shorter,
// so that clients that failed together do not come back together.
func (b *Backoff) Next() time.Duration {
	limit := max(b.Min, b.Max)
	if b.wait == 0 {
		b.wait = b.Min
	}
	wait := b.wait
	factor := b.Factor
	if factor == 0 {
		factor = defaultFactor
	}
	// The comparison with floats covers waits that a Duration can't hold.
	if grown := float64(wait) * factor; grown < float64(limit) {
		b.wait = time.Duration(grown)
	} else {
		b.wait = limit
	}
	if b.Random == nil {
		return wait
	}
	return wait - time.Duration(b.Jitter*b.Random()*float64(wait))
}

// Reset starts again with Min. Call it after an attempt that succeeded.
func (b *Backoff) Reset() { b.wait = 0 }
