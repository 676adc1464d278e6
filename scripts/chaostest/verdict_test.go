package chaostest

import (
	"fmt"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
)

// consistent returns a ledger of n events, of which every third was sent twice, and a
// database with exactly these events.
func consistent(n int) (*ledger, observed) {
	l, o := newLedger(), observed{rows: map[event.Key]int{}}
	for i := range n {
		e := []event.Event{{Topic: "t", ID: fmt.Sprint(i)}}
		l.recordSent(e)
		l.recordOutcomes(e, []event.Outcome{event.Stored})
		o.rows[e[0].Key()]++
		o.unique++
		if i%3 == 0 {
			l.recordSent(e)
			l.recordOutcomes(e, []event.Outcome{event.Duplicate})
			o.duplicates++
		}
	}
	o.received = o.unique + o.duplicates
	return l, o
}

// TestVerdict_FindsOneViolation has one violation in 10,000 events.
func TestVerdict_FindsOneViolation(t *testing.T) {
	t.Parallel()
	some := event.Key{Topic: "t", ID: "4711"}
	for name, test := range map[string]struct {
		change func(*ledger, *observed)
		want   verdict
	}{
		"no violation": {func(*ledger, *observed) {}, verdict{}},
		"an event that is neither stored nor counted": {
			func(_ *ledger, o *observed) { delete(o.rows, some); o.unique--; o.received-- },
			verdict{missing: 1, inflated: 1},
		},
		"an event that is counted and not stored": {
			func(_ *ledger, o *observed) { delete(o.rows, some) }, verdict{missing: 1, miscounted: 1},
		},
		"an event that is still queued": {
			func(_ *ledger, o *observed) { o.queued = 1 }, verdict{missing: 1},
		},
		"an event that is stored twice": {
			func(_ *ledger, o *observed) { o.rows[some] = 2 }, verdict{twice: 1},
		},
		"a key with two responses of success": {
			func(l *ledger, o *observed) {
				l.recordSent([]event.Event{{Topic: some.Topic, ID: some.ID}})
				l.recordOutcomes([]event.Event{{Topic: some.Topic, ID: some.ID}}, []event.Outcome{event.Stored})
				o.received++
				o.duplicates++
			},
			verdict{twice: 1},
		},
		"an event that is counted twice": {
			func(_ *ledger, o *observed) { o.received++; o.duplicates++ }, verdict{inflated: 1},
		},
		"a duplicate that is not counted": {
			func(_ *ledger, o *observed) { o.received--; o.duplicates-- }, verdict{inflated: 1},
		},
		"a wrong sum": {
			func(_ *ledger, o *observed) { o.duplicates-- }, verdict{miscounted: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, o := consistent(10_000)
			test.change(l, &o)
			if got := l.judge(o); got != test.want {
				t.Errorf("verdict %v", got)
			}
		})
	}
}

func TestVerdict_AllowsUnknownOutcomes(t *testing.T) {
	t.Parallel()
	l, o := consistent(10)
	e := []event.Event{{Topic: "t", ID: "no response"}}
	l.recordSent(e)
	if got := l.judge(o); got != (verdict{}) {
		t.Errorf("an attempt that was lost: %v", got)
	}
	o.rows[e[0].Key()]++
	o.unique++
	o.received++
	if got := l.judge(o); got != (verdict{}) {
		t.Errorf("an attempt whose response was lost: %v", got)
	}
}
