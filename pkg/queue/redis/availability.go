package redis

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// After a failure, a stream is not used for restFactor times as long as the failure
// took, at most maxRest. So a node that rejects connections is tried again at once,
// and one that hangs rarely costs its timeout.
const (
	restFactor = 10
	maxRest    = 5 * time.Second
)

// availability is whether a stream can be reached. A cluster that loses one node
// keeps the others, and one stream that hangs must not block the rest.
type availability struct {
	mu     sync.Mutex
	err    error     // of the last call
	resume time.Time // when the stream is used again
}

// resting returns the last failure if the stream is not used yet.
func (a *availability) resting(now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if now.Before(a.resume) {
		return a.err
	}
	return nil
}

// record notes the result of a call, and reports whether that changes the state.
func (a *availability) record(err error, began, now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	changed := (err == nil) != (a.err == nil)
	a.err, a.resume = err, time.Time{}
	if err != nil {
		a.resume = now.Add(min(restFactor*now.Sub(began), maxRest))
	}
	return changed
}

// try calls do, which uses one stream, unless that is known to be unavailable. The
// error is translated.
func (q *Queue) try(ctx context.Context, call string, s *stream, do func() error) error {
	if err := q.usable(ctx, call); err != nil {
		return err
	}
	if len(q.streams) == 1 { // the circuit breaker and the worker pause themselves
		return q.translate(ctx, call, do())
	}
	began := q.options.Now()
	if err := s.availability.resting(began); err != nil {
		return err
	}
	err := q.translate(ctx, call, do())
	switch failed := errors.Is(err, store.ErrUnavailable) || errors.Is(err, context.DeadlineExceeded); {
	case failed && s.availability.record(err, began, q.options.Now()):
		q.options.Logger.WarnContext(ctx, "stream of the queue unavailable", slog.String("dependency", "queue"), slog.String("stream", s.events),
			slog.String("consequence", "its events wait; the other streams are used"), slog.Any("error", err))
	case err == nil && s.availability.record(nil, began, began):
		q.options.Logger.InfoContext(ctx, "stream of the queue available again", slog.String("dependency", "queue"), slog.String("stream", s.events))
	}
	return err
}

// each tries all streams. It fails if none can be reached, and on any other error.
func (q *Queue) each(ctx context.Context, call string, do func(number int, s *stream) error) error {
	var all partly
	for number, s := range q.streams {
		if err := all.add(q.try(ctx, call, s, func() error { return do(number, s) })); err != nil {
			return err
		}
	}
	return all.err()
}

// partly is the combined result of several streams.
type partly struct {
	reached     int
	unavailable error
}

// add adds the result of one stream. It returns an error that ends the whole call.
func (p *partly) add(err error) error {
	switch {
	case err == nil:
		p.reached++
	case errors.Is(err, store.ErrUnavailable):
		p.unavailable = err
	default:
		return err
	}
	return nil
}

// err returns nil if at least one stream was reached.
func (p *partly) err() error {
	if p.reached > 0 {
		return nil
	}
	return p.unavailable
}
