package queue_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/queue/queuetest"
	"github.com/eventagg/eventagg/pkg/store"
)

// TestAJumpOfTheQueuesClockForgetsNothingThatIsNeeded has a worker that is slow
// with a message which another has stored meanwhile: it will come with it, and
// the store must know it then. How much later that may be is time that passes,
// whatever the queue's clock says.
func TestAJumpOfTheQueuesClockForgetsNothingThatIsNeeded(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		jumps []time.Duration // by how much the clock is wrong, minute by minute
	}{
		{"no jump", nil},
		{"hours ahead", []time.Duration{5 * time.Hour}},
		{"hours back", []time.Duration{-5 * time.Hour}},
		{"hours ahead and back", []time.Duration{5 * time.Hour, 5 * time.Hour, 0}},
		{"back and ahead", []time.Duration{-5 * time.Hour, 0, 5 * time.Hour, 10 * time.Hour}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var wrong atomic.Int64
				now := func() time.Time { return time.Now().Add(time.Duration(wrong.Load())) }
				b := &bench{t: t, queue: queuetest.NewMemory(queuetest.MemoryOptions{Now: now}), store: newLedger(), log: &log{}}
				b.enqueue(someEvents("a", 3)...)
				slow, err := b.queue.Consumer("slow").Receive(t.Context(), 0)
				if err != nil || len(slow) != 1 {
					t.Fatal(slow, err)
				}
				end := b.workOn(b.store, queue.WorkerOptions{})
				pass(40 * time.Second)
				b.checkSize(0, 0) // it took that over
				for i := range 8 {
					if i < len(test.jumps) {
						wrong.Store(int64(test.jumps[i]))
					}
					pass(time.Minute)
				}
				received, err := b.store.Receive(t.Context(), []store.Delivery{slow[0].Delivery})
				if err != nil || received.Redelivered != 3 {
					t.Errorf("the slow one stored %+v, %v, want 3 events delivered again", received, err)
				}
				end()
			})
		})
	}
}

// TestAClockThatIsWrongForLongStillForgets: what can't come again is not kept
// for ever.
func TestAClockThatIsWrongForLongStillForgets(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]time.Duration{"ahead": 5 * time.Hour, "back": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				now := func() time.Time { return time.Now().Add(wrong) }
				b := &bench{t: t, queue: queuetest.NewMemory(queuetest.MemoryOptions{Now: now}), store: newLedger(), log: &log{}}
				end := b.workOn(b.store, queue.WorkerOptions{})
				b.enqueue(someEvents("a", 3)...)
				pass(30 * time.Minute)
				end()
				if b.store.forgotten != 1 {
					t.Errorf("forgot %d deliveries, want the one", b.store.forgotten)
				}
			})
		})
	}
}
