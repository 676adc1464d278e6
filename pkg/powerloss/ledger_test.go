package powerloss_test

import (
	"fmt"
	"sync"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
)

// ledger records what was sent and what was acknowledged.
type ledger struct {
	mu           sync.Mutex
	acknowledged map[event.Key]int // how often a response said "stored"
	attempts     int64             // events sent, each attempt counted
	responses    int64             // events with a response
}

func newLedger() *ledger { return &ledger{acknowledged: map[event.Key]int{}} }

func (l *ledger) recordSent(events []event.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.attempts += int64(len(events))
}

func (l *ledger) recordOutcomes(events []event.Event, outcomes []event.Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.responses += int64(len(outcomes))
	for i, outcome := range outcomes {
		stored := 0
		if outcome == event.Stored {
			stored = 1
		}
		l.acknowledged[events[i].Key()] += stored // a duplicate is acknowledged, too
	}
}

// verdict counts violations of the guarantee.
type verdict struct {
	missing     int64 // acknowledged, and not stored
	storedTwice int64 // stored twice, or two responses that said "stored"
	miscounted  int64 // difference of counters and rows
	unexplained int64 // events counted that were never sent, or not counted and acknowledged
}

func (v verdict) String() string {
	return fmt.Sprintf("acknowledged and missing %d, stored twice %d, counters ≠ rows %d, unexplained %d",
		v.missing, v.storedTwice, v.miscounted, v.unexplained)
}

// judge compares the store with the responses.
func (l *ledger) judge(rows map[event.Key]int, stats api.Stats) verdict {
	l.mu.Lock()
	defer l.mu.Unlock()
	var v verdict
	stored := int64(0)
	for key, times := range l.acknowledged {
		if rows[key] == 0 {
			v.missing++
		}
		v.storedTwice += int64(max(0, times-1))
	}
	for _, times := range rows {
		stored += int64(times)
		v.storedTwice += int64(times - 1)
	}
	v.miscounted = abs(stats.Stored-stored) + abs(stats.Received-stats.Stored-stats.Duplicates)
	v.unexplained = max(0, stats.Received-l.attempts) + max(0, l.responses-stats.Received)
	return v
}

func abs(n int64) int64 { return max(n, -n) }

func (v verdict) plus(other verdict) verdict {
	return verdict{
		missing: v.missing + other.missing, storedTwice: v.storedTwice + other.storedTwice,
		miscounted: v.miscounted + other.miscounted, unexplained: v.unexplained + other.unexplained,
	}
}
