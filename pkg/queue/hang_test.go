package queue_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

// hanging is a ledger behind a network that loses what is sent: some calls end
// with their contexts alone.
type hanging struct {
	*ledger
	known, forget atomic.Bool
	slow          time.Duration // how long a Receive takes
}

func (h *hanging) Receive(ctx context.Context, deliveries []store.Delivery) (store.Received, error) {
	pass(h.slow)
	return h.ledger.Receive(ctx, deliveries)
}

func (h *hanging) Known(ctx context.Context, ids []store.DeliveryID) ([]bool, error) {
	if h.known.Load() {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return h.ledger.Known(ctx, ids)
}

func (h *hanging) Forget(ctx context.Context, before time.Time) (int64, error) {
	if h.forget.Load() {
		<-ctx.Done()
		return 0, ctx.Err()
	}
	return h.ledger.Forget(ctx, before)
}

// workOn starts a worker on another store than the bench's own; end stops it,
// and answers how long that took.
func (b *bench) workOn(into store.Receiver, options queue.WorkerOptions) (end func() time.Duration) {
	return b.workAs("a", into, options)
}

// workAs is workOn for one of several workers.
func (b *bench) workAs(name string, into store.Receiver, options queue.WorkerOptions) (end func() time.Duration) {
	ctx, cancel := context.WithCancel(b.t.Context())
	done := make(chan struct{})
	worker := queue.NewWorker(b.queue, name, into, options)
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

func TestAForgetThatHangsHoldsNothingUp(t *testing.T) {
	onBench(t, func(b *bench) {
		h := &hanging{ledger: b.store}
		h.forget.Store(true)
		end := b.workOn(h, queue.WorkerOptions{})
		pass(10*time.Minute + 50*time.Second) // the first Forget is under way
		b.enqueue(someEvents("a", 3)...)
		pass(2 * time.Minute)
		b.checkSize(0, 0)
		end()
	})
}

func TestALookThatHangsIsTriedAgain(t *testing.T) {
	onBench(t, func(b *bench) {
		b.enqueue(someEvents("a", 1)...)
		if _, err := b.queue.Consumer("dead").Receive(b.t.Context(), 0); err != nil {
			b.t.Fatal(err)
		}
		h := &hanging{ledger: b.store}
		h.known.Store(true)
		end := b.workOn(h, queue.WorkerOptions{MaxDeliveries: 1})
		pass(time.Minute) // it asks whether the delivery is known
		b.checkSize(1, 0)
		h.known.Store(false)
		pass(time.Minute)
		b.checkSize(0, 1)
		end()
	})
}

// TestAWorkerEndsBetweenMessages has taken over several messages, each of which
// the store takes long for.
func TestAWorkerEndsBetweenMessages(t *testing.T) {
	onBench(t, func(b *bench) {
		for range 8 {
			b.enqueue(someEvents("a", 1)...)
		}
		if _, err := b.queue.Consumer("dead").Receive(b.t.Context(), 0); err != nil {
			b.t.Fatal(err)
		}
		const slow = 9 * time.Second
		end := b.workOn(&hanging{ledger: b.store, slow: slow}, queue.WorkerOptions{})
		pass(40 * time.Second) // it is at the second of them at the most
		if took := end(); took > slow {
			b.t.Errorf("the end took %s, want no more than the message under way", took)
		}
	})
}

// TestAnOutageThatNobodyNoticesMakesNoDeadLettersOfTheDead has two workers, and
// what others left lying: more than is tried until it is theirs to claim again.
func TestAnOutageThatNobodyNoticesMakesNoDeadLettersOfTheDead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name  string
		hangs bool
	}{
		{"the store fails", false},
		{"the store hangs", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			onBench(t, func(b *bench) {
				const messages = 400
				for i := range messages {
					b.enqueue(someEvents(fmt.Sprint(i), 1)...)
				}
				for dead := b.queue.Consumer("dead"); ; {
					got, err := dead.Receive(b.t.Context(), 0)
					if err != nil {
						b.t.Fatal(err)
					}
					if len(got) > 0 {
						break
					}
				}
				s := &sick{ledger: b.store, hangs: test.hangs}
				s.down.Store(true)
				ends := []func() time.Duration{b.workAs("a", s, queue.WorkerOptions{}), b.workAs("b", s, queue.WorkerOptions{})}
				pass(30 * time.Minute)
				b.checkSize(messages, 0)
				s.down.Store(false)
				pass(10 * time.Minute)
				b.checkSize(0, 0)
				for _, end := range ends {
					end()
				}
			})
		})
	}
}
