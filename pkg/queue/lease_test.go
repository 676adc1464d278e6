package queue_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/queue"
)

func TestWorker_TakesOverFromCrashedWorkerWithin10Seconds(t *testing.T) {
	inBubble(t, func(f *fixture) {
		for i := range 25 { // the crash is at any time between two claims
			f.enqueue(goodEvents(fmt.Sprint(i), 5)...)
			messages := f.receiveAs("crashes")
			stop := f.startWorker("alive")
			advance(time.Duration(i) * 101 * time.Millisecond)
			f.checkSize(5, 0)
			if err := f.queue.Consumer("crashes").Renew(f.t.Context()); err != nil {
				f.t.Fatal(err)
			}
			advance(10 * time.Second)
			f.checkSize(0, 0)
			stop()
			f.checkStored(5 * (i + 1) * len(messages))
		}
	})
}

// countingQueue records the maximum of [queue.Message].Deliveries.
type countingQueue struct {
	queue.Queue
	mu  sync.Mutex
	max int64
}

type countingConsumer struct {
	queue.Consumer
	counts *countingQueue
}

func (q *countingQueue) Consumer(name string) queue.Consumer {
	return countingConsumer{q.Queue.Consumer(name), q}
}

func (c countingConsumer) Claim(ctx context.Context, expired time.Duration) ([]queue.Message, error) {
	messages, err := c.Consumer.Claim(ctx, expired)
	c.counts.mu.Lock()
	defer c.counts.mu.Unlock()
	for _, m := range messages {
		c.counts.max = max(c.counts.max, m.Deliveries)
	}
	return messages, err
}

func TestWorker_KeepsItsMessagesDuringASlowAppend(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.store.slow = 20 * time.Second
		counts := &countingQueue{Queue: f.queue}
		slow := func(o *queue.WorkerOptions) { o.AppendTimeout = 30 * time.Second }
		stopA, stopB := f.startWorkerOn(counts, "a", slow), f.startWorkerOn(counts, "b", slow)
		for i := range 10 {
			f.enqueue(goodEvents(fmt.Sprint(i), 5)...)
			advance(5 * time.Second)
		}
		advance(5 * time.Minute)
		f.checkSize(0, 0)
		f.checkStored(50)
		if counts.max != 0 {
			f.t.Errorf("a message was claimed as delivery %d from a worker that was storing it", counts.max)
		}
		stopA()
		stopB()
	})
}

func TestWorker_ReleasesItsMessagesWhenItStops(t *testing.T) {
	inBubble(t, func(f *fixture) {
		for i := range 20 { // rolling restarts during an outage
			f.store.down.Store(true)
			if i == 0 {
				f.enqueue(badEvents("a", 5)...)
			}
			stop := f.startWorker(fmt.Sprint(i))
			advance(time.Minute)
			stop()
		}
		f.checkSize(5, 0)
		messages, err := f.queue.Consumer("last").Claim(f.t.Context(), time.Hour)
		if err != nil || len(messages) != 1 || messages[0].Deliveries != 1 {
			f.t.Errorf("claimed %+v, %v, want the message as its first delivery", messages, err)
		}
	})
}

// TestWorker_WaitsForLeasesAfterAnOutageOfTheQueue has workers whose leases all
// expire while the queue is unavailable. They must not claim from each other.
func TestWorker_WaitsForLeasesAfterAnOutageOfTheQueue(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.store.down.Store(true)
		counts := &countingQueue{Queue: f.queue}
		stops := []func() time.Duration{f.startWorkerOn(counts, "a"), f.startWorkerOn(counts, "b")}
		for i := range 10 {
			f.enqueue(badEvents(fmt.Sprint(i), 1)...)
			advance(time.Second)
		}
		for range 10 {
			f.queue.Fail(unavailable())
			advance(time.Minute)
			f.queue.Fail(nil)
			advance(time.Minute)
		}
		if counts.max != 0 {
			f.t.Errorf("a message was claimed as delivery %d", counts.max)
		}
		for _, stop := range stops {
			stop()
		}
	})
}

func TestWorker_IsNotBlockedByForgetThatHangs(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.store.hangForget.Store(true)
		stop := f.startWorker("a")
		advance(10*time.Minute + 50*time.Second) // the first Forget hangs
		f.enqueue(goodEvents("a", 3)...)
		advance(2 * time.Minute)
		f.checkSize(0, 0)
		stop()
	})
}

func TestWorker_RetriesKnownThatHangs(t *testing.T) {
	inBubble(t, func(f *fixture) {
		f.enqueue(goodEvents("a", 1)...)
		f.receiveAs("crashes")
		f.store.hangKnown.Store(true)
		stop := f.startWorker("a", func(o *queue.WorkerOptions) { o.MaxDeliveries = 1 })
		advance(time.Minute)
		f.checkSize(1, 0)
		f.store.hangKnown.Store(false)
		advance(time.Minute)
		f.checkSize(0, 1)
		stop()
	})
}

func TestWorker_StopsBetweenMessages(t *testing.T) {
	inBubble(t, func(f *fixture) {
		for range 8 {
			f.enqueue(goodEvents("a", 1)...)
		}
		f.receiveAs("crashes") // so that the worker stores them one by one
		f.store.slow = 9 * time.Second
		stop := f.startWorker("a")
		advance(20 * time.Second)
		if took := stop(); took > f.store.slow {
			f.t.Errorf("stopping took %s, want at most the append in progress", took)
		}
	})
}

// TestWorker_MakesNoDeadLettersOfCrashedWorkersInAnOutage has two workers, an
// outage that health checks don't see, and more messages of a crashed worker than
// can be tried before their leases would expire.
func TestWorker_MakesNoDeadLettersOfCrashedWorkersInAnOutage(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		hangs bool
	}{
		{"the store fails", false},
		{"the store hangs", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(f *fixture) {
				const messages = 400
				for i := range messages {
					f.enqueue(goodEvents(fmt.Sprint(i), 1)...)
				}
				f.receiveAs("crashes")
				f.store.hangs = test.hangs
				f.store.down.Store(true)
				stops := []func() time.Duration{f.startWorker("a"), f.startWorker("b")}
				advance(30 * time.Minute)
				f.checkSize(messages, 0)
				f.store.down.Store(false)
				advance(10 * time.Minute)
				f.checkSize(0, 0)
				f.checkStored(messages)
				for _, stop := range stops {
					stop()
				}
			})
		})
	}
}
