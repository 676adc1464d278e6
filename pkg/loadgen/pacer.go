package loadgen

import (
	"math"
	"time"
)

// Pacer says when the slots of a run are due. It is pure; the zero Pacer is a
// closed loop, in which a slot is due as soon as a worker is free.
type Pacer struct {
	// Rate is how many events a second are planned, whatever the server does
	// (an open loop); 0 is a closed loop.
	Rate float64
}

// Open reports whether the plan is independent of the answers.
func (p Pacer) Open() bool { return p.Rate > 0 }

// Due is how long after the start of the run a slot is planned: slot ÷ rate.
// In a closed loop it is always 0. A time beyond any run is cut to 292 years.
func (p Pacer) Due(slot int64) time.Duration {
	if !p.Open() {
		return 0
	}
	nanos := float64(slot) / p.Rate * float64(time.Second)
	if nanos >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(nanos)
}

// Wait is how long a worker that comes free at elapsed has to wait before it
// sends a slot; 0 where the slot is due already. Lateness is not made up by
// sending less: the plan stands, and the delay counts as latency.
func (p Pacer) Wait(elapsed time.Duration, slot int64) time.Duration {
	return max(0, p.Due(slot)-elapsed)
}
