package redis

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// A stream that failed is left alone for so many times as long as its failure
// took, at most mostRest: a node that takes no connections is asked again at
// once, one that hangs costs its timeout rarely.
const (
	restShare = 10
	mostRest  = 5 * time.Second
)

// reach is whether a stream can be reached. A cluster loses one node and keeps
// the others, and what holds up one stream must not hold up the rest.
type reach struct {
	mu   sync.Mutex
	away error     // why the last try failed
	rest time.Time // until when there is no other
}

// resting is the last failure while there is to be no new one.
func (r *reach) resting(now time.Time) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if now.Before(r.rest) {
		return r.away
	}
	return nil
}

// note keeps how a try ended, and reports whether that is a change.
func (r *reach) note(err error, began, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	changed := (err == nil) != (r.away == nil)
	r.away, r.rest = err, time.Time{}
	if err != nil {
		r.rest = now.Add(min(restShare*now.Sub(began), mostRest))
	}
	return changed
}

// try does what concerns one stream, unless that is known to be away. The error
// is translated.
func (q *Queue) try(ctx context.Context, what string, s *stream, do func() error) error {
	if err := q.usable(ctx, what); err != nil {
		return err
	}
	if len(q.streams) == 1 { // the gate and the worker know when to ask again
		return q.translate(ctx, what, do())
	}
	began := q.options.Now()
	if err := s.reach.resting(began); err != nil {
		return err
	}
	err := q.translate(ctx, what, do())
	switch away := errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded); {
	case away && s.reach.note(err, began, q.options.Now()):
		q.options.Logger.WarnContext(ctx, "one of the queue's streams is away; the others go on",
			slog.String("stream", s.events), slog.Any("error", err))
	case err == nil && s.reach.note(nil, began, began):
		q.options.Logger.InfoContext(ctx, "a stream of the queue is back", slog.String("stream", s.events))
	}
	return err
}

// each tries all streams. It fails where none can be reached, and where
// something else is wrong.
func (q *Queue) each(ctx context.Context, what string, do func(number int, s *stream) error) error {
	var all partly
	for number, s := range q.streams {
		if err := all.add(q.try(ctx, what, s, func() error { return do(number, s) })); err != nil {
			return err
		}
	}
	return all.err()
}

// partly sums up what became of several streams.
type partly struct {
	reached int
	away    error
}

// add takes one stream's result and answers the error that ends the whole.
func (p *partly) add(err error) error {
	switch {
	case err == nil:
		p.reached++
	case errors.Is(err, store.ErrUnavailable):
		p.away = err
	default:
		return err
	}
	return nil
}

// err is nil where at least one could be reached.
func (p *partly) err() error {
	if p.reached > 0 {
		return nil
	}
	return p.away
}
