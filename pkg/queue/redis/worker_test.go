package redis

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// slowStore counts the events that it receives. Each call takes a while.
type slowStore struct {
	took time.Duration

	mu    sync.Mutex
	times map[store.DeliveryID]int // how often each delivery was stored
}

func (s *slowStore) Receive(ctx context.Context, deliveries []store.Delivery) (store.Received, error) {
	if err := retry.Sleep(ctx, s.took); err != nil {
		return store.Received{}, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range deliveries {
		s.times[d.ID]++
	}
	return store.Received{Stored: int64(len(deliveries))}, nil
}

func (s *slowStore) Known(_ context.Context, ids []store.DeliveryID) ([]bool, error) {
	return make([]bool, len(ids)), nil
}

func (s *slowStore) Forget(context.Context, time.Time) (int64, error) { return 0, nil }

// startWorker runs a worker until the test ends.
func startWorker(t *testing.T, q *Queue, name string, into store.Receiver, o queue.WorkerOptions) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		queue.NewWorker(q, name, into, o).Run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

func TestWorker_TakesOverFromCrashedWorkerWithin10Seconds(t *testing.T) {
	t.Parallel()
	q := openShared(t, Options{})
	if _, err := q.Append(t.Context(), []event.Event{newEvent("a")}); err != nil {
		t.Fatal(err)
	}
	if messages, err := q.Consumer("crashes").Receive(t.Context(), time.Second); err != nil || len(messages) != 1 {
		t.Fatalf("received %+v, %v", messages, err)
	}
	crashed := time.Now()
	startWorker(t, q, "alive", &slowStore{times: map[store.DeliveryID]int{}}, queue.WorkerOptions{})
	suitetest.Eventually(t, "the queue is empty", func() bool {
		size, err := q.Size(t.Context())
		return err == nil && size.Events == 0
	})
	if took := time.Since(crashed); took > 10*time.Second {
		t.Errorf("the event was stored %v after the crash", took)
	}
}

// TestWorker_KeepsItsMessagesDuringASlowAppend has appends that take three leases.
func TestWorker_KeepsItsMessagesDuringASlowAppend(t *testing.T) {
	t.Parallel()
	q := openShared(t, Options{})
	into := &slowStore{took: 6 * time.Second, times: map[store.DeliveryID]int{}}
	for i := range 2 {
		startWorker(t, q, fmt.Sprint(i), into, queue.WorkerOptions{
			Lease: 2 * time.Second, ClaimInterval: 100 * time.Millisecond, Wait: 100 * time.Millisecond, AppendTimeout: 20 * time.Second,
		})
	}
	for i := range 4 {
		if _, err := q.Append(t.Context(), []event.Event{newEvent(fmt.Sprint(i))}); err != nil {
			t.Fatal(err)
		}
	}
	suitetest.Eventually(t, "the queue is empty", func() bool {
		size, err := q.Size(t.Context())
		return err == nil && size.Events == 0
	})
	into.mu.Lock()
	defer into.mu.Unlock()
	for id, times := range into.times {
		if times != 1 {
			t.Errorf("delivery %x was stored %d times", id, times)
		}
	}
	if len(into.times) != 4 {
		t.Errorf("%d deliveries were stored, want 4", len(into.times))
	}
}
