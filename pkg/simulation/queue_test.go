package simulation

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

// faultyQueue is a queue whose calls fail.
type faultyQueue struct {
	queue.Queue

	faults *faults
}

// Append implements [store.Appender].
func (q *faultyQueue) Append(ctx context.Context, events []event.Event) (outcomes []event.Outcome, err error) {
	var refused error
	err = q.faults.call(ctx, "queue "+events[0].ID, func() { outcomes, refused = q.Queue.Append(context.WithoutCancel(ctx), events) })
	switch {
	case err != nil:
		return nil, err
	case refused != nil:
		return nil, refused
	default:
		return outcomes, nil
	}
}

// Ping fails while the queue is down.
func (q *faultyQueue) Ping(ctx context.Context) error {
	return q.faults.call(ctx, "queue ping", func() {})
}

// Consumer returns a consumer whose acknowledgements get lost, and that can crash.
func (q *faultyQueue) Consumer(name string) queue.Consumer {
	return &faultyConsumer{Consumer: q.Queue.Consumer(name), faults: q.faults}
}

// faultyConsumer is a consumer of a faultyQueue.
type faultyConsumer struct {
	queue.Consumer

	faults  *faults
	crashed atomic.Bool
}

// crash cuts the consumer off. Its leases expire.
func (c *faultyConsumer) crash() { c.crashed.Store(true) }

func (c *faultyConsumer) cut() error {
	if c.crashed.Load() || c.faults.isDown() {
		return store.NotReached(store.ErrUnavailable)
	}
	return nil
}

// Receive implements [queue.Consumer].
func (c *faultyConsumer) Receive(ctx context.Context, wait time.Duration) ([]queue.Message, error) {
	if err := c.cut(); err != nil {
		return nil, err
	}
	return c.Consumer.Receive(ctx, wait)
}

// Claim implements [queue.Consumer].
func (c *faultyConsumer) Claim(ctx context.Context, expired time.Duration) ([]queue.Message, error) {
	if err := c.cut(); err != nil {
		return nil, err
	}
	return c.Consumer.Claim(ctx, expired)
}

// Renew implements [queue.Consumer].
func (c *faultyConsumer) Renew(ctx context.Context) error {
	if err := c.cut(); err != nil {
		return err
	}
	return c.Consumer.Renew(ctx)
}

// Acknowledge implements [queue.Acknowledger].
func (c *faultyConsumer) Acknowledge(ctx context.Context, messages []queue.Message) error {
	if err := c.cut(); err != nil {
		return err
	}
	var refused error
	err := c.faults.call(ctx, "acknowledge "+messages[0].Ref, func() { refused = c.Consumer.Acknowledge(context.WithoutCancel(ctx), messages) })
	if err != nil {
		return err
	}
	return refused
}

// Leave implements [queue.Consumer]. A consumer that crashed does not leave.
func (c *faultyConsumer) Leave(ctx context.Context) error {
	if err := c.cut(); err != nil {
		return err
	}
	return c.Consumer.Leave(ctx)
}
