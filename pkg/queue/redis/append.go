package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Append puts the events into one stream with one script, so that all are taken
// or none. Streams take turns; one that is full or away is passed over.
func (q *Queue) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	const what = "append"
	if err := q.usable(ctx, what); err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, nil
	}
	if err := q.verify(ctx); err != nil {
		return nil, q.translate(ctx, what, err)
	}
	args, err := q.appendArgs(events)
	if err != nil {
		return nil, err
	}
	first := q.next.Add(1)
	var full, away error
	for i := range q.streams {
		s := q.streams[(first+uint64(i))%uint64(len(q.streams))]
		err := q.try(ctx, what, s, func() error { return q.appendTo(ctx, s, args) })
		switch {
		case err == nil:
			return queued(len(events)), nil
		case errors.Is(err, store.ErrOverloaded):
			full = err
		case errors.Is(err, store.ErrNotReached):
			away = err
		default:
			return nil, err
		}
	}
	if full != nil {
		return nil, full
	}
	return nil, away
}

func queued(count int) []event.Outcome {
	outcomes := make([]event.Outcome, count)
	for i := range outcomes {
		outcomes[i] = event.Queued
	}
	return outcomes
}

// appendArgs are the arguments of the script, the bounds of one stream first.
func (q *Queue) appendArgs(events []event.Event) ([]any, error) {
	entries, bytes := pack(events), 0
	for _, e := range entries {
		bytes += len(e.lines)
	}
	shares := int64(len(q.streams))
	args := make([]any, 0, 4+4*len(entries))
	args = append(args, q.options.MaxEvents/shares, q.options.MaxBytes/shares, len(events), bytes)
	for _, e := range entries {
		id, err := q.newID()
		if err != nil {
			return nil, err
		}
		args = append(args, id, e.events, len(e.lines), e.lines)
	}
	return args, nil
}

func (q *Queue) appendTo(ctx context.Context, s *stream, args []any) error {
	answer, err := q.eval(ctx, q.writes, q.scripts.append, []string{s.events, s.size}, args...)
	if err != nil {
		return err
	}
	list, _ := answer.([]any)
	if len(list) != 3 {
		return fmt.Errorf("%w: the script answered %v", store.ErrUnavailable, answer)
	}
	took, _ := list[0].(int64)
	backlog, _ := list[1].(int64)
	done, _ := list[2].(int64)
	s.drain.observe(q.options.Now(), done)
	if took == 1 {
		return nil
	}
	err = fmt.Errorf("queue: append: %w: %d events are queued", store.ErrOverloaded, backlog)
	return &store.RetryError{Err: err, After: s.drain.wait(backlog)}
}
