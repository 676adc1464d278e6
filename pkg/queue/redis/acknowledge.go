package redis

import (
	"context"
	"slices"
	"strconv"

	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/queue"
)

// Acknowledge removes messages and subtracts them from the size, if they exist.
func (c *consumer) Acknowledge(ctx context.Context, messages []queue.Message) error {
	const call = "acknowledge"
	if err := c.queue.usable(ctx, call); err != nil {
		return err
	}
	byStream := map[int][]ref{}
	for _, m := range messages {
		r, err := c.queue.parseRef(m.Ref)
		if err != nil {
			return err
		}
		byStream[r.stream] = append(byStream[r.stream], r)
	}
	var failed error
	for number, refs := range byStream {
		s := c.queue.streams[number]
		if err := c.queue.try(ctx, call, s, func() error { return c.remove(ctx, number, s, refs) }); err != nil {
			failed = err
		}
	}
	return failed
}

// remove removes entries from one stream.
func (c *consumer) remove(ctx context.Context, number int, s *stream, refs []ref) error {
	for chunk := range slices.Chunk(refs, chunkSize) {
		args := append(make([]any, 0, 1+3*len(chunk)), group)
		for _, r := range chunk {
			args = append(args, r.id, r.events, r.bytes)
		}
		if _, err := c.queue.eval(ctx, c.queue.commands, c.queue.scripts.acknowledge, []string{s.events, s.size}, args...); err != nil {
			return err
		}
		for _, r := range chunk {
			c.release(number, r.id)
		}
	}
	return nil
}

// Split replaces a message by one message for each event. They are new deliveries,
// so the store knows none of them.
func (c *consumer) Split(ctx context.Context, m queue.Message) error {
	if len(m.Events) < 2 {
		return c.queue.usable(ctx, "split")
	}
	return c.finish(ctx, "split", c.queue.scripts.split, m, func() ([]any, error) {
		var parts []any
		for _, e := range m.Events {
			id, err := c.queue.newID()
			if err != nil {
				return nil, err
			}
			line := append(codec.Append(nil, e), '\n')
			parts = append(parts, id, len(line), line)
		}
		return parts, nil
	})
}

// MoveToDeadLetters makes a dead letter of each event, or of the text of a message
// that can't be read.
func (c *consumer) MoveToDeadLetters(ctx context.Context, m queue.Message, reason string) error {
	return c.finish(ctx, "move to the dead letters", c.queue.scripts.deadLetter, m, func() ([]any, error) {
		parts := append(make([]any, 0, 2+2*len(m.Events)), reason, m.Deliveries)
		for _, e := range m.Events {
			line := append(codec.Append(nil, e), '\n')
			parts = append(parts, len(line), line)
		}
		return parts, nil
	})
}

// finish runs a script that replaces a message of this consumer by its parts.
func (c *consumer) finish(ctx context.Context, call string, s script, m queue.Message, parts func() ([]any, error)) error {
	if err := c.queue.usable(ctx, call); err != nil {
		return err
	}
	r, err := c.queue.parseRef(m.Ref)
	if err != nil {
		return err
	}
	stream := c.queue.streams[r.stream]
	queuedAt, err := c.queue.queuedAt(ctx, stream, r.id)
	if err != nil {
		return c.queue.translate(ctx, call, err)
	}
	more, err := parts()
	if err != nil {
		return err
	}
	args := append([]any{group, c.name, r.id, r.events, r.bytes, queuedAt}, more...)
	_, err = c.queue.eval(ctx, c.queue.commands, s, []string{stream.events, stream.size, stream.dead}, args...)
	if ignoreNoGroup(err) != nil {
		return c.queue.translate(ctx, call, err)
	}
	c.release(r.stream, r.id)
	return nil
}

// queuedAt returns when the events of an entry were first queued, in ms. An entry
// that was split or retried has that in a field, any other in its ID.
func (q *Queue) queuedAt(ctx context.Context, s *stream, id string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, q.options.Timeout)
	defer cancel()
	entries, err := q.commands.XRange(ctx, s.events, id, id).Result()
	if err != nil {
		return "", err
	}
	if len(entries) == 1 {
		if text, exists := entries[0].Values["q"].(string); exists {
			return text, nil
		}
	}
	at, _ := timeOf(id)
	return strconv.FormatInt(at.UnixMilli(), 10), nil
}
