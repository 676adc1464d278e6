package chaostest

import (
	"fmt"
	"sync"

	"github.com/eventagg/eventagg/pkg/event"
)

// ledger records what was sent and the responses.
type ledger struct {
	mu        sync.Mutex
	keys      map[event.Key]*entry
	attempts  int64 // events sent, each attempt counted
	responses int64 // events with an outcome, each response counted
}

// entry counts the outcomes of one key.
type entry struct{ success, ignored, queued int }

func newLedger() *ledger { return &ledger{keys: map[event.Key]*entry{}} }

// recordSent records that events are being sent.
func (l *ledger) recordSent(events []event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts += int64(len(events))
}

// recordOutcomes records a response.
func (l *ledger) recordOutcomes(events []event.Event, outcomes []event.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.responses += int64(len(outcomes))
	for i, outcome := range outcomes {
		key := events[i].Key()
		e := l.keys[key]
		if e == nil {
			e = &entry{}
			l.keys[key] = e
		}
		switch outcome {
		case event.Stored:
			e.success++
		case event.Duplicate, event.Conflict, event.ConflictRejected:
			e.ignored++
		case event.Queued:
			e.queued++
		case event.Rejected, event.TopicRefused: // nothing is guaranteed
		}
	}
}

// observed is what the database holds in the end.
type observed struct {
	rows                         map[event.Key]int // how often each key is stored
	received, unique, duplicates int64
	queued, dead                 int64
}

// verdict counts violations of the guarantees.
type verdict struct{ missing, twice, miscounted, inflated int64 }

func (v verdict) String() string {
	return fmt.Sprintf("acknowledged and missing %d, stored twice %d, counters ≠ rows %d, duplicates inflated %d",
		v.missing, v.twice, v.miscounted, v.inflated)
}

// judge compares the database with what was sent and the responses. Attempts without a
// response may be counted or not. So the number of received events is at least the
// number of responses and at most the number of attempts.
func (l *ledger) judge(o observed) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	var v verdict
	for key, e := range l.keys {
		if e.success+e.ignored+e.queued > 0 && o.rows[key] == 0 {
			v.missing++
		}
		if e.success > 1 {
			v.twice++
		}
	}
	for _, times := range o.rows {
		if times > 1 {
			v.twice++
		}
	}
	v.missing += o.queued + o.dead
	v.miscounted = abs(o.unique-int64(len(o.rows))) + abs(o.received-o.unique-o.duplicates)
	v.inflated = max(0, o.received-l.attempts) + max(0, l.responses-o.received)
	return v
}

// acknowledged returns how many events had a response so far.
func (l *ledger) acknowledged() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.responses
}

func abs(n int64) int64 { return max(n, -n) }
