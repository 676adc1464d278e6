package queuetest

import (
	"context"
	"strconv"
	"time"

	"github.com/eventagg/eventagg/pkg/queue"
)

// memoryConsumer receives messages from a Memory.
type memoryConsumer struct {
	queue *Memory
	name  string
}

// Consumer returns a new consumer.
func (m *Memory) Consumer(name string) queue.Consumer { return &memoryConsumer{queue: m, name: name} }

// maxMessages is how many messages one call returns.
const maxMessages = 16

// Receive returns the next messages.
func (c *memoryConsumer) Receive(ctx context.Context, wait time.Duration) ([]queue.Message, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	for {
		messages, changed, err := c.take(ctx)
		if err != nil || len(messages) > 0 {
			return messages, err
		}
		select {
		case <-changed:
		case <-timer.C:
			return nil, nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (c *memoryConsumer) take(ctx context.Context) ([]queue.Message, <-chan struct{}, error) {
	if err := c.queue.begin(ctx); err != nil {
		return nil, nil, err
	}
	defer c.queue.mu.Unlock()
	return c.lease(func(i *item) bool { return i.owner == "" }), c.queue.changed, nil
}

// lease leases the first messages that match; the caller holds the lock.
func (c *memoryConsumer) lease(matches func(*item) bool) []queue.Message {
	var messages []queue.Message
	for _, i := range c.queue.items {
		if len(messages) < maxMessages && matches(i) {
			i.owner, i.renewedAt = c.name, c.queue.options.Now()
			i.Deliveries++
			messages = append(messages, i.Message)
		}
	}
	return messages
}

// Claim takes over messages whose lease has expired.
func (c *memoryConsumer) Claim(ctx context.Context, expired time.Duration) ([]queue.Message, error) {
	if err := c.queue.begin(ctx); err != nil {
		return nil, err
	}
	defer c.queue.mu.Unlock()
	now := c.queue.options.Now()
	return c.lease(func(i *item) bool { return i.owner != "" && i.owner != c.name && now.Sub(i.renewedAt) >= expired }), nil
}

// Renew renews the leases of this consumer.
func (c *memoryConsumer) Renew(ctx context.Context) error {
	return c.each(ctx, func(i *item) { i.renewedAt = c.queue.options.Now() })
}

// released is the owner of messages whose consumer has left.
const released = " "

// Leave releases what this consumer has.
func (c *memoryConsumer) Leave(ctx context.Context) error {
	return c.each(ctx, func(i *item) {
		i.owner, i.renewedAt = released, time.Time{}
		i.Deliveries--
	})
}

// each calls f for each message of this consumer.
func (c *memoryConsumer) each(ctx context.Context, f func(*item)) error {
	if err := c.queue.begin(ctx); err != nil {
		return err
	}
	defer c.queue.mu.Unlock()
	for _, i := range c.queue.items {
		if i.owner == c.name {
			f(i)
		}
	}
	return nil
}

// Acknowledge removes messages.
func (c *memoryConsumer) Acknowledge(ctx context.Context, messages []queue.Message) error {
	if err := c.queue.begin(ctx); err != nil {
		return err
	}
	defer c.queue.mu.Unlock()
	for _, m := range messages {
		c.queue.remove(func(i *item) bool { return i.Ref == m.Ref })
	}
	return nil
}

// Split queues each event of a message alone.
func (c *memoryConsumer) Split(ctx context.Context, message queue.Message) error {
	if len(message.Events) < 2 {
		return c.queue.Ping(ctx)
	}
	return c.finish(ctx, message, func(i *item) error {
		for at := range i.Events {
			if err := c.queue.push(i.Events[at:at+1:at+1], i.origin); err != nil {
				return err
			}
		}
		return nil
	})
}

// MoveToDeadLetters makes a dead letter of each event.
func (c *memoryConsumer) MoveToDeadLetters(ctx context.Context, message queue.Message, reason string) error {
	return c.finish(ctx, message, func(i *item) error {
		for _, e := range i.Events {
			c.queue.last++
			c.queue.size.DeadLetters++
			c.queue.dead = append(c.queue.dead, queue.DeadLetter{
				ID: strconv.FormatInt(c.queue.last, 10), Event: e, Reason: reason,
				QueuedAt: i.origin, FailedAt: c.queue.options.Now(), Deliveries: message.Deliveries,
			})
		}
		return nil
	})
}

// finish removes a message that this consumer has, and calls f with it.
func (c *memoryConsumer) finish(ctx context.Context, message queue.Message, f func(*item) error) error {
	if err := c.queue.begin(ctx); err != nil {
		return err
	}
	defer c.queue.mu.Unlock()
	removed := c.queue.remove(func(i *item) bool { return i.Ref == message.Ref && i.owner == c.name })
	if removed == nil {
		return nil
	}
	return f(removed)
}

// Prune has nothing to remove: a name is nowhere but in messages.
func (c *memoryConsumer) Prune(ctx context.Context, _ time.Duration) error { return c.queue.Ping(ctx) }
