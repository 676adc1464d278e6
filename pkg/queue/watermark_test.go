package queue_test

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/queue/queuetest"
	"github.com/eventagg/eventagg/pkg/store"
)

// TestWorker_KeepsDeliveriesIfTheClockJumps has a slow worker whose message was
// stored by another one meanwhile. The store must still know the delivery when the
// slow worker stores it, whatever the queue's clock says.
func TestWorker_KeepsDeliveriesIfTheClockJumps(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		jumps []time.Duration // the clock's error, minute by minute
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
				var clockError atomic.Int64
				now := func() time.Time { return time.Now().Add(time.Duration(clockError.Load())) }
				f := newFixture(t)
				f.queue = queuetest.NewMemory(queuetest.MemoryOptions{Now: now})
				f.enqueue(goodEvents("a", 3)...)
				slow := f.receiveAs("slow")
				stop := f.startWorker("a")
				advance(40 * time.Second)
				f.checkSize(0, 0) // the worker took it over
				for i := range 8 {
					if i < len(test.jumps) {
						clockError.Store(int64(test.jumps[i]))
					}
					advance(time.Minute)
				}
				received, err := f.store.Receive(t.Context(), []store.Delivery{slow[0].Delivery})
				if err != nil || received.Redelivered != 3 {
					t.Errorf("the slow worker stored %+v, %v, want 3 redelivered events", received, err)
				}
				stop()
			})
		})
	}
}

func TestWorker_ForgetsDeliveriesIfTheClockIsWrong(t *testing.T) {
	t.Parallel()
	for name, clockError := range map[string]time.Duration{"ahead": 5 * time.Hour, "back": -5 * time.Hour} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := newFixture(t)
				f.queue = queuetest.NewMemory(queuetest.MemoryOptions{Now: func() time.Time { return time.Now().Add(clockError) }})
				stop := f.startWorker("a")
				f.enqueue(goodEvents("a", 3)...)
				advance(30 * time.Minute)
				stop()
				if f.store.forgotten != 1 {
					t.Errorf("%d deliveries were forgotten, want 1", f.store.forgotten)
				}
			})
		})
	}
}
