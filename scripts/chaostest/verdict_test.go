package chaostest

import (
	"fmt"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
)

// honest is a ledger of n events, each sent and answered once but for every
// third, which was sent twice; and a database that holds exactly that.
func honest(n int) (*ledger, observed) {
	l, o := newLedger(), observed{rows: map[event.Key]int{}}
	for i := range n {
		e := []event.Event{{Topic: "t", ID: fmt.Sprint(i)}}
		l.sent(e)
		l.heard(e, []event.Outcome{event.Stored})
		o.rows[e[0].Key()]++
		o.unique++
		if i%3 == 0 {
			l.sent(e)
			l.heard(e, []event.Outcome{event.Duplicate})
			o.duplicates++
		}
	}
	o.received = o.unique + o.duplicates
	return l, o
}

// The verdict is only as good as what it catches: one fault in ten thousand.
func TestVerdictCatches(t *testing.T) {
	t.Parallel()
	some := event.Key{Topic: "t", ID: "4711"}
	for name, test := range map[string]struct {
		change func(*ledger, *observed)
		want   verdict
	}{
		"nothing in an honest store": {func(*ledger, *observed) {}, verdict{}},
		"one event that was lost, and from the counters, too": {
			func(_ *ledger, o *observed) { delete(o.rows, some); o.unique--; o.received-- },
			verdict{missing: 1, inflated: 1},
		},
		"one event that was lost, but was counted": {
			func(_ *ledger, o *observed) { delete(o.rows, some) }, verdict{missing: 1, miscounted: 1},
		},
		"one event that is still queued": {
			func(_ *ledger, o *observed) { o.queued = 1 }, verdict{missing: 1},
		},
		"one event that was stored twice": {
			func(_ *ledger, o *observed) { o.rows[some] = 2 }, verdict{twice: 1},
		},
		"one key that was answered success twice": {
			func(l *ledger, o *observed) {
				l.sent([]event.Event{{Topic: some.Topic, ID: some.ID}})
				l.heard([]event.Event{{Topic: some.Topic, ID: some.ID}}, []event.Outcome{event.Stored})
				o.received++
				o.duplicates++
			},
			verdict{twice: 1},
		},
		"one event that was counted twice": {
			func(_ *ledger, o *observed) { o.received++; o.duplicates++ }, verdict{inflated: 1},
		},
		"one repeat that was not counted": {
			func(_ *ledger, o *observed) { o.received--; o.duplicates-- }, verdict{inflated: 1},
		},
		"a sum that does not add up": {
			func(_ *ledger, o *observed) { o.duplicates-- }, verdict{miscounted: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, o := honest(10_000)
			test.change(l, &o)
			if got := l.judge(o); got != test.want {
				t.Errorf("the verdict is: %v", got)
			}
		})
	}
}

func TestVerdictForgivesWhatNobodyCanKnow(t *testing.T) {
	t.Parallel()
	l, o := honest(10)
	e := []event.Event{{Topic: "t", ID: "unanswered"}}
	l.sent(e)
	if got := l.judge(o); got != (verdict{}) {
		t.Errorf("an attempt that was lost on its way: %v", got)
	}
	o.rows[e[0].Key()]++
	o.unique++
	o.received++
	if got := l.judge(o); got != (verdict{}) {
		t.Errorf("an attempt whose answer was lost: %v", got)
	}
}
