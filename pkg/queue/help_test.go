package queue_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/queue/queuetest"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// ledger is a store in memory that stores each delivery once.
type ledger struct {
	mu        sync.Mutex
	known     map[store.DeliveryID]time.Time
	keys      map[event.Key]int // how often each was stored
	calls     []int             // the number of deliveries of each call
	forgotten int

	fail   error  // what every call returns
	poison string // the ID of an event that is rejected
}

func newLedger() *ledger {
	return &ledger{known: map[store.DeliveryID]time.Time{}, keys: map[event.Key]int{}}
}

func (l *ledger) setFail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fail = err
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

// faultyStore is a ledger that can't store events of one topic, for a reason that
// is neither the data nor an outage: their rows can't be read. Its health checks
// succeed.
type faultyStore struct {
	*ledger
	topic        string       // whose events fail
	loseResponse bool         // the caller can't know what was stored
	maxEvents    int          // an append of more times out; 0 for no limit
	tries        atomic.Int64 // appends that failed
	down         atomic.Bool  // everything fails
	hangs        bool         // if down, it does not respond

	slow                  time.Duration // how long Receive takes
	hangKnown, hangForget atomic.Bool   // these calls end with their contexts only
}

func (s *faultyStore) Receive(ctx context.Context, deliveries []store.Delivery) (store.Received, error) {
	events, bad := 0, s.down.Load()
	for _, d := range deliveries {
		events += len(d.Events)
		bad = bad || slices.ContainsFunc(d.Events, func(e event.Event) bool { return e.Topic == s.topic })
	}
	if s.slow > 0 {
		advance(s.slow)
	}
	if bad || s.maxEvents > 0 && events > s.maxEvents {
		s.tries.Add(1)
	}
	switch {
	case s.maxEvents > 0 && events > s.maxEvents, s.hangs && s.down.Load():
		<-ctx.Done()
		return store.Received{}, fmt.Errorf("receive: %w", ctx.Err())
	case bad && s.loseResponse:
		return store.Received{}, fmt.Errorf("receive: %w: connection reset", store.ErrUnavailable)
	case bad:
		return store.Received{}, store.NotReached(fmt.Errorf("receive: %w: %w: invalid page in block 7", store.ErrUnavailable, store.ErrInternal))
	}
	return s.ledger.Receive(ctx, deliveries)
}

func (s *faultyStore) Known(ctx context.Context, ids []store.DeliveryID) ([]bool, error) {
	if s.hangKnown.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return s.ledger.Known(ctx, ids)
}

func (s *faultyStore) Forget(ctx context.Context, before time.Time) (int64, error) {
	if s.hangForget.Load() {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return s.ledger.Forget(ctx, before)
}

func goodEvents(prefix string, count int) []event.Event {
	events := make([]event.Event, count)
	for i := range events {
		events[i] = event.Event{
			Topic: "good", ID: fmt.Sprintf("%s-%d", prefix, i), Timestamp: time.Unix(0, 0).UTC(), Source: "s", Payload: "{}",
		}
	}
	return events
}

func badEvents(prefix string, count int) []event.Event {
	events := goodEvents(prefix, count)
	for i := range events {
		events[i].Topic = "bad"
	}
	return events
}

// fixture is a queue, a store, and the log of the workers in between, in a bubble.
type fixture struct {
	t     *testing.T
	queue *queuetest.Memory
	store *faultyStore
	log   *suitetest.Log
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	return &fixture{
		t: t, queue: queuetest.NewMemory(queuetest.MemoryOptions{}),
		store: &faultyStore{ledger: newLedger(), topic: "bad"}, log: &suitetest.Log{},
	}
}

// inBubble runs a test with a fixture in a bubble of synctest.
func inBubble(t *testing.T, run func(f *fixture)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { run(newFixture(t)) })
}

func (f *fixture) enqueue(events ...event.Event) {
	f.t.Helper()
	if _, err := f.queue.Append(f.t.Context(), events); err != nil {
		f.t.Fatal(err)
	}
}

// enqueueEvery enqueues a good event at a time, so that others are stored.
func (f *fixture) enqueueEvery(interval time.Duration, times int) {
	for i := range times {
		f.enqueue(goodEvents(fmt.Sprint("other-", i), 1)...)
		advance(interval)
	}
}

// startWorker starts a worker. The returned function stops it and returns how long
// that took.
func (f *fixture) startWorker(name string, change ...func(*queue.WorkerOptions)) (stop func() time.Duration) {
	return f.startWorkerOn(f.queue, name, change...)
}

func (f *fixture) startWorkerOn(q queue.Queue, name string, change ...func(*queue.WorkerOptions)) (stop func() time.Duration) {
	options := queue.WorkerOptions{Logger: f.log.Logger()}
	for _, apply := range change {
		apply(&options)
	}
	ctx, cancel := context.WithCancel(f.t.Context())
	done := make(chan struct{})
	worker := queue.NewWorker(q, name, f.store, options)
	go func() {
		defer close(done)
		worker.Run(ctx)
	}()
	return func() time.Duration {
		cancel()
		began := time.Now()
		<-done
		return time.Since(began)
	}
}

// receiveAs receives messages as a consumer that crashes afterwards.
func (f *fixture) receiveAs(name string) []queue.Message {
	f.t.Helper()
	messages, err := f.queue.Consumer(name).Receive(f.t.Context(), 0)
	if err != nil || len(messages) == 0 {
		f.t.Fatalf("received %+v, %v", messages, err)
	}
	return messages
}

func (f *fixture) checkSize(events, dead int64) {
	f.t.Helper()
	size, err := f.queue.Size(f.t.Context())
	if err != nil || size.Events != events || size.DeadLetters != dead {
		f.t.Errorf("the queue holds %+v, %v, want %d events and %d dead letters", size, err, events, dead)
	}
}

// checkStored fails unless so many events were stored, each once.
func (f *fixture) checkStored(want int) {
	f.t.Helper()
	f.store.mu.Lock()
	defer f.store.mu.Unlock()
	for key, times := range f.store.keys {
		if times != 1 {
			f.t.Errorf("%v was stored %d times", key, times)
		}
	}
	if got := len(f.store.keys); got != want {
		f.t.Errorf("%d events are stored, want %d", got, want)
	}
}

// advance lets time pass in a bubble.
func advance(d time.Duration) { time.Sleep(d) }
