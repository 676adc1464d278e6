package redis

import (
	"context"
	"errors"
	"fmt"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Append adds the events to one stream with one script, so that all are queued or
// none. Appends rotate over the streams and skip those that are full or unavailable.
func (q *Queue) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	const call = "append"
	if err := q.usable(ctx, call); err != nil {
		return nil, err
	}
	if len(events) == 0 {
		return nil, nil
	}
	if err := q.verify(ctx); err != nil {
		return nil, q.translate(ctx, call, err)
	}
	args, err := q.appendArgs(events)
	if err != nil {
		return nil, err
	}
	first := q.next.Add(1)
	var full, unavailable error
	for i := range q.streams {
		s := q.streams[(first+uint64(i))%uint64(len(q.streams))]
		err := q.try(ctx, call, s, func() error { return q.appendTo(ctx, s, args) })
		switch {
		case err == nil:
			return queued(len(events)), nil
		case errors.Is(err, store.ErrOverloaded):
			full = err
		case errors.Is(err, store.ErrNotReached):
			unavailable = err
		default:
			return nil, err
		}
	}
	if full != nil {
		return nil, full
	}
	return nil, unavailable
}

func queued(count int) []event.Outcome {
	outcomes := make([]event.Outcome, count)
	for i := range outcomes {
		outcomes[i] = event.Queued
	}
	return outcomes
}

// appendArgs returns the arguments of the script: the maximum of one stream, then the
// entries.
func (q *Queue) appendArgs(events []event.Event) ([]any, error) {
	entries, bytes := pack(events), 0
	for _, e := range entries {
		bytes += len(e.lines)
	}
	streams := int64(len(q.streams))
	args := make([]any, 0, 4+4*len(entries))
	args = append(args, q.options.MaxEvents/streams, q.options.MaxBytes/streams, len(events), bytes)
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
	reply, err := q.evalAppend(ctx, s, args...)
	if err != nil {
		return err
	}
	list, _ := reply.([]any)
	if len(list) != 3 {
		return unexpectedReply(reply)
	}
	accepted, _ := list[0].(int64)
	backlog, _ := list[1].(int64)
	total, _ := list[2].(int64)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.drain.ObserveTotal(q.options.Now(), total)
	if accepted == 1 {
		return nil
	}
	err = fmt.Errorf("queue: append: %w: %d events are queued", store.ErrOverloaded, backlog)
	return &store.RetryError{Err: err, After: s.drain.Wait(backlog)}
}
