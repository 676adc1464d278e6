package loadgen

import "sync/atomic"

// Counts say what became of the events of a run, so far or in the end:
// Sent is Success + Ignored + Queued + Invalid + Failed and those under way.
type Counts struct {
	// Sent counts the events handed to the target, each once however often it
	// was tried.
	Sent int64 `json:"sent"`
	// Stored counts the events that the target stored.
	Stored int64 `json:"success"`
	// Duplicate counts the events that were there already.
	Duplicate int64 `json:"ignored"`
	// Queued counts the events that a broker took, to be stored later.
	Queued int64 `json:"queued"`
	// Invalid counts the events that the target refuses for ever.
	Invalid int64 `json:"invalid"`
	// Failed counts the events of which nothing is known: they got no answer
	// in the time for retries, or the run was stopped.
	Failed int64 `json:"failed"`
	// Retried counts the requests that were sent again.
	Retried int64 `json:"retried"`
}

// Completed is how many events have a final answer.
func (c Counts) Completed() int64 { return c.Stored + c.Duplicate + c.Queued + c.Invalid }

// counters are one worker's. Only it writes them; anybody may read.
type counters struct {
	sent, success, ignored, queued, invalid, failed, retried atomic.Int64
	_                                                        [64]byte // keeps workers off each other's cache line
}

func (c *counters) addTo(sum *Counts) {
	sum.Sent += c.sent.Load()
	sum.Stored += c.success.Load()
	sum.Duplicate += c.ignored.Load()
	sum.Queued += c.queued.Load()
	sum.Invalid += c.invalid.Load()
	sum.Failed += c.failed.Load()
	sum.Retried += c.retried.Load()
}
