package loadgen

import "sync/atomic"

// Counts are the numbers of events of a run, by result. Sent is the sum of the
// others, except Retried, and of the events in progress.
type Counts struct {
	// Sent counts the events passed to the target, each once even if it was
	// retried.
	Sent int64 `json:"sent"`
	// Stored counts the events that the target stored.
	Stored int64 `json:"success"`
	// Duplicate counts the events that were stored before.
	Duplicate int64 `json:"ignored"`
	// Queued counts the events that a queue holds, to be stored later.
	Queued int64 `json:"queued"`
	// Invalid counts the events that the target rejects.
	Invalid int64 `json:"invalid"`
	// Failed counts the events without a response: retries did not help, or
	// the run was stopped. They may be stored.
	Failed int64 `json:"failed"`
	// Retried counts the requests that were repeated.
	Retried int64 `json:"retried"`
}

// Completed returns the number of events with an outcome.
func (c Counts) Completed() int64 { return c.Stored + c.Duplicate + c.Queued + c.Invalid }

// counters are written by one worker and may be read by others.
type counters struct {
	sent, stored, duplicate, queued, invalid, failed, retried atomic.Int64
	_                                                         [64]byte // keeps workers on separate cache lines
}

func (c *counters) addTo(sum *Counts) {
	sum.Sent += c.sent.Load()
	sum.Stored += c.stored.Load()
	sum.Duplicate += c.duplicate.Load()
	sum.Queued += c.queued.Load()
	sum.Invalid += c.invalid.Load()
	sum.Failed += c.failed.Load()
	sum.Retried += c.retried.Load()
}
