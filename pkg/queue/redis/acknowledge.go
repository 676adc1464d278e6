package redis

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/eventagg/eventagg/pkg/queue"
)

// Acknowledge removes messages and counts those down that were still there.
func (c *consumer) Acknowledge(ctx context.Context, messages []queue.Message) error {
	const what = "done"
	if err := c.queue.usable(ctx, what); err != nil {
		return err
	}
	sorted, err := c.byStream(messages)
	if err != nil {
		return err
	}
	var failed error
	for number, refs := range sorted {
		s := c.queue.streams[number]
		err := c.queue.try(ctx, what, s, func() error { return c.remove(ctx, s, refs) })
		if err != nil {
			failed = err
			continue
		}
		c.forget(refs...)
	}
	return failed
}

// remove takes messages out of one stream.
func (c *consumer) remove(ctx context.Context, s *stream, refs []ref) error {
	for chunk := range slices.Chunk(refs, chunkSize) {
		args := append(make([]any, 0, 1+3*len(chunk)), group)
		for _, r := range chunk {
			args = append(args, r.id, r.events, r.bytes)
		}
		if _, err := c.queue.eval(ctx, c.queue.commands, c.queue.scripts.acknowledge, []string{s.events, s.size}, args...); err != nil {
			return err
		}
	}
	return nil
}

// forget drops messages that are finished.
func (c *consumer) forget(refs ...ref) {
	finished := make(map[string]bool, len(refs))
	for _, r := range refs {
		finished[r.String()] = true
	}
	c.held = slices.DeleteFunc(c.held, func(m queue.Message) bool { return finished[m.Ref] })
}

// Split puts a message back as one message for each event. They are new
// deliveries: as such none of them was stored.
func (c *consumer) Split(ctx context.Context, m queue.Message) error {
	const what = "split"
	r, err := c.begin(ctx, what, m)
	if err != nil {
		return err
	}
	if len(m.Events) < 2 { // nothing to split
		return nil
	}
	s := c.queue.streams[r.stream]
	queuedAt, err := c.queue.queuedAt(ctx, s, r.id)
	if err != nil {
		return c.queue.translate(ctx, what, err)
	}
	args := []any{group, r.id, r.events, r.bytes, queuedAt}
	for _, e := range m.Events {
		id, err := c.queue.newID()
		if err != nil {
			return err
		}
		line := append(e.AppendJSON(nil), '\n')
		args = append(args, id, len(line), line)
	}
	if _, err := c.queue.eval(ctx, c.queue.commands, c.queue.scripts.split, []string{s.events, s.size}, args...); err != nil {
		return c.queue.translate(ctx, what, err)
	}
	c.forget(r)
	return nil
}

// MoveToDeadLetters turns the events of a message into dead letters, or its text into one
// where it can't be read.
func (c *consumer) MoveToDeadLetters(ctx context.Context, m queue.Message, reason string) error {
	const what = "bury"
	r, err := c.begin(ctx, what, m)
	if err != nil {
		return err
	}
	s := c.queue.streams[r.stream]
	queuedAt, err := c.queue.queuedAt(ctx, s, r.id)
	if err != nil {
		return c.queue.translate(ctx, what, err)
	}
	args := []any{group, r.id, r.events, r.bytes, queuedAt, reason, m.Deliveries}
	for _, e := range m.Events {
		line := append(e.AppendJSON(nil), '\n')
		args = append(args, len(line), line)
	}
	if _, err := c.queue.eval(ctx, c.queue.commands, c.queue.scripts.deadLetter, []string{s.events, s.size, s.dead}, args...); err != nil {
		return c.queue.translate(ctx, what, err)
	}
	c.forget(r)
	return nil
}

func (c *consumer) begin(ctx context.Context, what string, m queue.Message) (ref, error) {
	if err := c.queue.usable(ctx, what); err != nil {
		return ref{}, err
	}
	return c.queue.parseRef(m.Ref)
}

// queuedAt is when the events of an entry were queued first, in ms: an entry
// that was split or retried has it in a field, any other in its id.
func (q *Queue) queuedAt(ctx context.Context, s *stream, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, q.options.Timeout)
	defer cancel()
	entries, err := q.commands.XRange(ctx, s.events, id, id).Result()
	if err != nil {
		return "", err
	}
	if len(entries) == 1 {
		if text, there := entries[0].Values["q"].(string); there {
			return text, nil
		}
	}
	at, _ := timeOf(id)
	return strconv.FormatInt(at.UnixMilli(), 10), nil
}

// Leave ends the consumer. The server forgets its name where it holds nothing.
func (c *consumer) Leave(ctx context.Context) error {
	return c.queue.each(ctx, "leave", func(_ int, s *stream) error {
		_, err := c.queue.eval(ctx, c.queue.commands, c.queue.scripts.leave, []string{s.events}, group, c.name)
		if noGroup(err) {
			return nil
		}
		return err
	})
}

// Prune forgets consumers that have been silent and hold nothing.
func (c *consumer) Prune(ctx context.Context, idle time.Duration) error {
	return c.queue.each(ctx, "prune", func(_ int, s *stream) error {
		_, err := c.queue.eval(ctx, c.queue.commands, c.queue.scripts.prune, []string{s.events}, group, idle.Milliseconds())
		if noGroup(err) {
			return nil
		}
		return err
	})
}
