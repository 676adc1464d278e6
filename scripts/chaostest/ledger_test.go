package chaostest

import (
	"fmt"
	"sync"

	"github.com/eventagg/eventagg/pkg/event"
)

// ledger has what was sent and what was answered.
type ledger struct {
	mu       sync.Mutex
	keys     map[event.Key]*entry
	attempts int64 // events sent, each attempt counted
	answered int64 // events answered with any outcome, each answer counted
}

// entry is what was answered for one key.
type entry struct{ success, ignored, queued int }

func newLedger() *ledger { return &ledger{keys: map[event.Key]*entry{}} }

// sent notes that events leave now.
func (l *ledger) sent(events []event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts += int64(len(events))
}

// heard notes the outcomes of events.
func (l *ledger) heard(events []event.Event, outcomes []event.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answered += int64(len(outcomes))
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
		case event.Duplicate:
			e.ignored++
		case event.Queued:
			e.queued++
		case event.Rejected: // a promise of nothing
		}
	}
}

// observed is what the database holds in the end.
type observed struct {
	rows                         map[event.Key]int // how often each key is stored
	received, unique, duplicates int64
	queued, dead                 int64
}

// verdict counts what is wrong; all zero is a word that was kept.
type verdict struct{ missing, twice, miscounted, inflated int64 }

func (v verdict) String() string {
	return fmt.Sprintf("acknowledged and missing %d, stored twice %d, counters ≠ rows %d, duplicates inflated %d",
		v.missing, v.twice, v.miscounted, v.inflated)
}

// judge holds the database against what was sent and answered. Whether an
// attempt without an answer was counted nobody can know, so what was received
// lies between the answers and the attempts.
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
	v.inflated = max(0, o.received-l.attempts) + max(0, l.answered-o.received)
	return v
}

// acknowledged is how many events were answered so far.
func (l *ledger) acknowledged() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.answered
}

func abs(n int64) int64 { return max(n, -n) }
