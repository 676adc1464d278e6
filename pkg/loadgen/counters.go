package loadgen

import (
	"sync"

	"github.com/eventagg/eventagg/pkg/event"
)

// Counts are the numbers of events of a run, by result. Sent is the sum of Tally,
// Failed and the events in progress.
type Counts struct {
	// Sent counts the events passed to the target, each once even if it was
	// retried.
	Sent int64
	// Tally counts the events with an outcome.
	event.Tally
	// Failed counts the events without a response: retries did not help, or
	// the run was stopped. They may be stored.
	Failed int64
	// Retried counts the requests that were repeated.
	Retried int64
}

// Completed returns the number of events with an outcome.
func (c Counts) Completed() int64 { return c.Accepted() + c.Refused() }

func (c Counts) add(other Counts) Counts {
	return Counts{
		Sent: c.Sent + other.Sent, Tally: c.Add(other.Tally),
		Failed: c.Failed + other.Failed, Retried: c.Retried + other.Retried,
	}
}

// counters are the counts of one worker, which others may read.
type counters struct {
	mu     sync.Mutex
	counts Counts
	_      [64]byte // keeps workers on separate cache lines
}

func (c *counters) add(counts Counts) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counts = c.counts.add(counts)
}

func (c *counters) load() Counts {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.counts
}
