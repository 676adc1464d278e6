package queue_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/queue/queuetest"
	"github.com/eventagg/eventagg/pkg/store"
)

// ledger is a store in memory that takes each delivery once.
type ledger struct {
	mu        sync.Mutex
	known     map[store.DeliveryID]time.Time
	keys      map[event.Key]int // how often each was received
	calls     []int             // how many deliveries each call had
	forgotten int

	fail   error  // what every call answers
	poison string // an event_id that can't be stored
}

func newLedger() *ledger {
	return &ledger{known: map[store.DeliveryID]time.Time{}, keys: map[event.Key]int{}}
}

func (l *ledger) set(fail error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = fail
}

func (l *ledger) Receive(_ context.Context, deliveries []store.Delivery) (store.Received, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls = append(l.calls, len(deliveries))
	if l.fail != nil {
		return store.Received{}, l.fail
	}
	for _, d := range deliveries {
		if slices.ContainsFunc(d.Events, func(e event.Event) bool { return e.ID == l.poison }) {
			return store.Received{}, fmt.Errorf("receive: %w: bad data", store.ErrRejected)
		}
	}
	var received store.Received
	for _, d := range deliveries {
		if _, known := l.known[d.ID]; known {
			received.Redelivered += int64(len(d.Events))
			continue
		}
		l.known[d.ID] = d.QueuedAt
		for _, e := range d.Events {
			l.keys[e.Key()]++
			received.Stored++
		}
	}
	return received, nil
}

func (l *ledger) Known(_ context.Context, ids []store.DeliveryID) ([]bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	known := make([]bool, len(ids))
	for i, id := range ids {
		_, known[i] = l.known[id]
	}
	return known, l.fail
}

func (l *ledger) Forget(_ context.Context, before time.Time) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for id, at := range l.known {
		if at.Before(before) {
			delete(l.known, id)
			l.forgotten++
		}
	}
	return 0, l.fail
}

// received is how many different keys were received, and whether none twice.
func (l *ledger) received(t *testing.T) int {
	t.Helper()
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, times := range l.keys {
		if times != 1 {
			t.Errorf("%v was received %d times", key, times)
		}
	}
	return len(l.keys)
}

func someEvents(prefix string, count int) []event.Event {
	events := make([]event.Event, count)
	for i := range events {
		events[i] = event.Event{
			Topic: "t", ID: fmt.Sprintf("%s-%d", prefix, i), Timestamp: time.Unix(0, 0).UTC(), Source: "s", Payload: "{}",
		}
	}
	return events
}

// bench is a queue, a store, and workers in between, on the clock of a bubble.
type bench struct {
	t     *testing.T
	queue *queuetest.Memory
	store *ledger
	log   *log
}

// onBench runs a test in a bubble.
func onBench(t *testing.T, run func(b *bench)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		run(&bench{t: t, queue: queuetest.NewMemory(queuetest.MemoryOptions{}), store: newLedger(), log: &log{}})
	})
}

func (b *bench) enqueue(events ...event.Event) {
	b.t.Helper()
	if _, err := b.queue.Append(b.t.Context(), events); err != nil {
		b.t.Fatal(err)
	}
}

// work starts a worker; end stops it and waits.
func (b *bench) work(name string, change ...func(*queue.WorkerOptions)) (end func()) {
	options := queue.WorkerOptions{Logger: b.log.logger()}
	for _, f := range change {
		f(&options)
	}
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	worker := queue.NewWorker(b.queue, name, b.store, options)
	go func() {
		defer close(done)
		worker.Run(ctx)
	}()
	return func() {
		cancel()
		<-done
	}
}

func (b *bench) checkSize(events, dead int64) {
	b.t.Helper()
	size, err := b.queue.Size(b.t.Context())
	if err != nil || size.Events != events || size.DeadLetters != dead {
		b.t.Errorf("the queue holds %+v, %v, want %d events and %d dead letters", size, err, events, dead)
	}
}

func TestWorkerEmptiesTheQueue(t *testing.T) {
	onBench(t, func(b *bench) {
		for i := range 20 {
			b.enqueue(someEvents(fmt.Sprint(i), 50)...)
		}
		end := b.work("a")
		pass(time.Second)
		b.enqueue(someEvents("later", 10)...)
		pass(time.Second)
		end()
		b.checkSize(0, 0)
		if got := b.store.received(b.t); got != 1010 {
			b.t.Errorf("received %d events", got)
		}
		if b.log.lines() != 0 {
			b.t.Errorf("the log has\n%s", b.log)
		}
	})
}

func TestWorkerWaitsForItsStore(t *testing.T) {
	onBench(t, func(b *bench) {
		b.store.set(away())
		b.enqueue(someEvents("a", 5)...)
		end := b.work("a")
		pass(10 * time.Minute)
		b.checkSize(5, 0)
		b.store.set(nil)
		pass(10 * time.Second)
		b.checkSize(0, 0)
		end()
		if got := b.store.received(b.t); got != 5 {
			b.t.Errorf("received %d events", got)
		}
		if b.log.lines() != 2 { // that it waits, and that it works again
			b.t.Errorf("the log has\n%s", b.log)
		}
	})
}

// While the store is known to be away nothing is taken: a day of that, with
// workers that come and go, must not look like a message that kills workers.
func TestAnOutageMakesNoDeadLetters(t *testing.T) {
	onBench(t, func(b *bench) {
		b.store.set(away())
		b.enqueue(someEvents("a", 5)...)
		ready := false
		for i := range 20 {
			end := b.work(fmt.Sprint(i), func(o *queue.WorkerOptions) { o.Ready = func() bool { return ready } })
			pass(time.Hour)
			end()
		}
		b.checkSize(5, 0)
		ready = true
		b.store.set(nil)
		end := b.work("last")
		pass(time.Minute)
		end()
		b.checkSize(0, 0)
	})
}

func TestWorkerTakesOverFromTheDead(t *testing.T) {
	onBench(t, func(b *bench) {
		b.enqueue(someEvents("a", 5)...)
		if messages, err := b.queue.Consumer("dead").Receive(b.t.Context(), 0); err != nil || len(messages) != 1 {
			b.t.Fatal(messages, err)
		}
		end := b.work("alive")
		pass(20 * time.Second)
		b.checkSize(5, 0)
		pass(20 * time.Second)
		b.checkSize(0, 0)
		end()
	})
}

// deaf is a queue that does not hear what is done: its worker crashes between
// the COMMIT and the removal.
type deaf struct{ queue.Queue }

type deafConsumer struct{ queue.Consumer }

func (d deaf) Consumer(name string) queue.Consumer { return deafConsumer{d.Queue.Consumer(name)} }

func (deafConsumer) Acknowledge(context.Context, []queue.Message) error { return errors.New("crash") }

func TestACrashBetweenCommitAndRemovalCountsOnce(t *testing.T) {
	onBench(t, func(b *bench) {
		b.enqueue(someEvents("a", 5)...)
		ctx, cancel := context.WithTimeout(b.t.Context(), time.Millisecond)
		defer cancel()
		queue.NewWorker(deaf{b.queue}, "crashes", b.store, queue.WorkerOptions{}).Run(ctx)
		b.checkSize(5, 0)
		if got := b.store.received(b.t); got != 5 {
			b.t.Fatalf("received %d events", got)
		}
		end := b.work("next")
		pass(time.Minute)
		end()
		b.checkSize(0, 0)
		if got := b.store.received(b.t); got != 5 {
			b.t.Errorf("received %d events", got)
		}
	})
}

func TestOneEventThatCantBeStoredIsBuriedAlone(t *testing.T) {
	onBench(t, func(b *bench) {
		b.store.poison = "bad-3"
		b.enqueue(someEvents("good", 7)...)
		b.enqueue(someEvents("bad", 9)...)
		b.enqueue(someEvents("fine", 4)...)
		end := b.work("a")
		pass(time.Minute)
		end()
		b.checkSize(0, 1)
		if got := b.store.received(b.t); got != 19 {
			b.t.Errorf("received %d events", got)
		}
		letters, err := b.queue.DeadLetters(b.t.Context(), "", 10)
		if err != nil || len(letters) != 1 || letters[0].Event.ID != "bad-3" || !strings.Contains(letters[0].Reason, "bad data") {
			b.t.Errorf("dead letters %+v, %v", letters, err)
		}
	})
}

// A message whose workers end before they are done with it is given up, unless
// it was stored in truth.
func TestAMessageThatEndsItsWorkersIsGivenUp(t *testing.T) {
	t.Parallel()
	for name, stored := range map[string]bool{"one that is not stored": false, "one that is": true} {
		t.Run(name, func(t *testing.T) {
			onBench(t, func(b *bench) {
				b.enqueue(someEvents("a", 3)...)
				for i := range 5 {
					messages, err := b.queue.Consumer(fmt.Sprint("killed-", i)).Claim(b.t.Context(), 0)
					if i == 0 {
						messages, err = b.queue.Consumer("killed-0").Receive(b.t.Context(), 0)
					}
					if err != nil || len(messages) != 1 || messages[0].Deliveries != int64(i+1) {
						b.t.Fatalf("%+v, %v", messages, err)
					}
					if stored {
						_, _ = b.store.Receive(b.t.Context(), []store.Delivery{messages[0].Delivery})
					}
				}
				end := b.work("next")
				pass(time.Minute)
				end()
				if stored {
					b.checkSize(0, 0)
				} else {
					b.checkSize(0, 3)
				}
			})
		})
	}
}

// What was delivered before is tried alone: it may have been what ended its
// worker, and must not take others with it.
func TestARedeliveryIsTriedAlone(t *testing.T) {
	onBench(t, func(b *bench) {
		for i := range 4 {
			b.enqueue(someEvents(fmt.Sprint(i), 2)...)
		}
		if _, err := b.queue.Consumer("dead").Receive(b.t.Context(), 0); err != nil {
			b.t.Fatal(err)
		}
		end := b.work("next")
		pass(time.Minute)
		end()
		b.checkSize(0, 0)
		if !slices.Equal(b.store.calls, []int{1, 1, 1, 1}) {
			b.t.Errorf("calls with %v deliveries", b.store.calls)
		}
	})
}

func TestWorkerForgetsWhatCantComeAgain(t *testing.T) {
	onBench(t, func(b *bench) {
		end := b.work("a")
		for i := range 30 {
			b.enqueue(someEvents(fmt.Sprint(i), 2)...)
			pass(time.Minute)
		}
		end()
		if b.store.forgotten < 15 || b.store.forgotten > 25 {
			b.t.Errorf("forgot %d of 30 deliveries in half an hour, want all but those of some ten minutes", b.store.forgotten)
		}
	})
}

func TestWorkerOutlivesItsQueue(t *testing.T) {
	onBench(t, func(b *bench) {
		end := b.work("a")
		b.enqueue(someEvents("a", 3)...)
		b.queue.Fail(away())
		pass(time.Hour)
		b.queue.Fail(nil)
		b.enqueue(someEvents("b", 3)...)
		pass(time.Minute)
		end()
		b.checkSize(0, 0)
		if got := b.store.received(b.t); got != 6 {
			b.t.Errorf("received %d events", got)
		}
	})
}
