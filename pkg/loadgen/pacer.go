package loadgen

import (
	"math"
	"time"
)

// Pacer computes the scheduled time of each slot of a run. The zero Pacer is a
// closed loop: a slot is due as soon as a worker is free.
type Pacer struct {
	// Rate is the number of events per second, independent of the server (open
	// loop). Without stages 0 means a closed loop; with stages it is the rate
	// before the first one.
	Rate float64
	// Stages change the rate. The run ends after the last one.
	Stages []Stage
}

// Open reports whether this is an open loop.
func (p Pacer) Open() bool { return p.Rate > 0 || len(p.Stages) > 0 }

// Due returns the scheduled time of a slot since the start: slot ÷ rate if there are
// no stages. In a closed loop it is 0. The maximum is 292 years; a slot after the last
// stage has it, too.
func (p Pacer) Due(slot int64) time.Duration {
	if len(p.Stages) > 0 {
		return dueInStages(p.Rate, p.Stages, slot)
	}
	if !p.Open() {
		return 0
	}
	nanos := float64(slot) / p.Rate * float64(time.Second)
	if nanos >= math.MaxInt64 {
		return math.MaxInt64
	}
	return time.Duration(nanos)
}

// Wait returns how long a worker that is free at elapsed waits before it sends a
// slot: 0 if the slot is due. The schedule never moves, so a delay counts as
// latency.
func (p Pacer) Wait(elapsed time.Duration, slot int64) time.Duration {
	return max(0, p.Due(slot)-elapsed)
}
