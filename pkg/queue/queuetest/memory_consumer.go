package queuetest

import (
	"context"
	"strconv"
	"time"

	"github.com/eventagg/eventagg/pkg/queue"
)

// memoryConsumer takes messages from a Memory.
type memoryConsumer struct {
	queue   *Memory
	name    string
	shelved map[string]bool // by Ref
}

// Consumer begins to take messages.
func (m *Memory) Consumer(name string) queue.Consumer { return &memoryConsumer{queue: m, name: name} }

// mostMessages is how many messages one call answers.
const mostMessages = 16

// Receive returns what is unfinished, or else the next messages.
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

// Park leaves messages out.
func (c *memoryConsumer) Park(messages []queue.Message) {
	c.shelved = make(map[string]bool, len(messages))
	for _, m := range messages {
		c.shelved[m.Ref] = true
	}
}

func (c *memoryConsumer) take(ctx context.Context) ([]queue.Message, <-chan struct{}, error) {
	if err := c.queue.begin(ctx); err != nil {
		return nil, nil, err
	}
	defer c.queue.mu.Unlock()
	var own, next []*item
	for _, i := range c.queue.items {
		switch {
		case i.owner == c.name && c.shelved[i.Ref]:
			i.givenAt = c.queue.options.Now()
		case i.owner == c.name && len(own) < mostMessages:
			own = append(own, i)
		case i.owner == "" && len(next) < mostMessages:
			next = append(next, i)
		}
	}
	if len(own) > 0 {
		return c.give(own, 0), nil, nil
	}
	return c.give(next, 1), c.queue.changed, nil
}

// give makes messages this consumer's; the caller holds the lock.
func (c *memoryConsumer) give(items []*item, deliveries int64) []queue.Message {
	var messages []queue.Message
	for _, i := range items {
		i.owner, i.givenAt = c.name, c.queue.options.Now()
		i.Deliveries += deliveries
		messages = append(messages, i.Message)
	}
	return messages
}

// Renew renews what this consumer has.
func (c *memoryConsumer) Renew(ctx context.Context) error {
	if err := c.queue.begin(ctx); err != nil {
		return err
	}
	defer c.queue.mu.Unlock()
	for _, i := range c.queue.items {
		if i.owner == c.name {
			i.givenAt = c.queue.options.Now()
		}
	}
	return nil
}

// Claim takes over what others were given longer ago than idle.
func (c *memoryConsumer) Claim(ctx context.Context, idle time.Duration) ([]queue.Message, error) {
	if err := c.queue.begin(ctx); err != nil {
		return nil, err
	}
	defer c.queue.mu.Unlock()
	var others []*item
	for _, i := range c.queue.items {
		if i.owner != "" && i.owner != c.name && c.queue.options.Now().Sub(i.givenAt) >= idle && len(others) < mostMessages {
			others = append(others, i)
		}
	}
	return c.give(others, 1), nil
}

// Acknowledge removes messages.
func (c *memoryConsumer) Acknowledge(ctx context.Context, messages []queue.Message) error {
	if err := c.queue.begin(ctx); err != nil {
		return err
	}
	defer c.queue.mu.Unlock()
	for _, m := range messages {
		c.queue.pull(m.Ref)
	}
	return nil
}

// Split queues each event of a message alone.
func (c *memoryConsumer) Split(ctx context.Context, message queue.Message) error {
	if err := c.queue.begin(ctx); err != nil {
		return err
	}
	defer c.queue.mu.Unlock()
	if len(message.Events) < 2 {
		return nil
	}
	pulled := c.queue.pull(message.Ref)
	if pulled == nil {
		return nil
	}
	for i := range pulled.Events {
		if err := c.queue.push(pulled.Events[i:i+1:i+1], pulled.origin); err != nil {
			return err
		}
	}
	return nil
}

// MoveToDeadLetters makes a dead letter of each event.
func (c *memoryConsumer) MoveToDeadLetters(ctx context.Context, message queue.Message, reason string) error {
	if err := c.queue.begin(ctx); err != nil {
		return err
	}
	defer c.queue.mu.Unlock()
	pulled := c.queue.pull(message.Ref)
	if pulled == nil {
		return nil
	}
	for _, e := range pulled.Events {
		c.queue.last++
		c.queue.size.DeadLetters++
		c.queue.dead = append(c.queue.dead, queue.DeadLetter{
			ID: strconv.FormatInt(c.queue.last, 10), Event: e, Reason: reason,
			QueuedAt: pulled.origin, FailedAt: c.queue.options.Now(), Deliveries: message.Deliveries,
		})
	}
	return nil
}

// Leave needs to forget nothing: a name that holds nothing is nowhere.
func (c *memoryConsumer) Leave(ctx context.Context) error { return c.queue.Ping(ctx) }

// Prune has nothing to forget either.
func (c *memoryConsumer) Prune(ctx context.Context, _ time.Duration) error { return c.queue.Ping(ctx) }
