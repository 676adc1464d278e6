package redis

import (
	"context"
	"maps"
	"slices"
	"time"
)

// chunkSize is the maximum number of entries of one script. Other commands wait
// while it runs.
const chunkSize = 500

// Renew renews the leases of all messages that this consumer has. It may run at the
// same time as the other methods.
func (c *consumer) Renew(ctx context.Context) error {
	return c.queue.each(ctx, "renew", func(number int, s *stream) error {
		c.mu.Lock()
		ids := slices.Collect(maps.Keys(c.held[number]))
		c.mu.Unlock()
		for chunk := range slices.Chunk(ids, chunkSize) {
			if err := c.renewEntries(ctx, number, s, chunk); err != nil {
				return err
			}
		}
		return nil
	})
}

// renewEntries renews the leases of entries, and forgets those that another
// consumer has claimed.
func (c *consumer) renewEntries(ctx context.Context, number int, s *stream, ids []string) error {
	args := append(make([]any, 0, 2+len(ids)), group, c.name)
	lost := make(map[string]bool, len(ids))
	for _, id := range ids {
		args = append(args, id)
		lost[id] = true
	}
	reply, err := c.queue.eval(ctx, c.queue.commands, c.queue.scripts.renew, []string{s.events}, args...)
	if err != nil && !noGroup(err) {
		return err
	}
	list, _ := reply.([]any)
	for _, item := range list {
		id, _ := item.(string)
		delete(lost, id)
	}
	c.release(number, slices.Collect(maps.Keys(lost))...)
	return nil
}

// Leave releases the messages of this consumer. If it has none, the server forgets
// its name.
func (c *consumer) Leave(ctx context.Context) error {
	return c.queue.each(ctx, "leave", func(_ int, s *stream) error {
		_, err := c.queue.eval(ctx, c.queue.commands, c.queue.scripts.leave, []string{s.events}, group, c.name)
		return ignoreNoGroup(err)
	})
}

// Prune removes the names of consumers that have no messages and were silent. It also
// reports streams that no worker reads.
func (c *consumer) Prune(ctx context.Context, idle time.Duration) error {
	defer c.queue.reportUnread(ctx)
	return c.queue.each(ctx, "prune", func(_ int, s *stream) error {
		_, err := c.queue.eval(ctx, c.queue.commands, c.queue.scripts.prune, []string{s.events}, group, idle.Milliseconds())
		return ignoreNoGroup(err)
	})
}
