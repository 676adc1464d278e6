package topiclimit

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Store is the part of a store that a Limiter reads.
type Store interface {
	store.TopicReader
	Stats(ctx context.Context) (store.Stats, error)
}

// Options configure a Limiter. Max and Store are required.
type Options struct {
	// Max is the maximum number of topics.
	Max int64
	// Store has the topics.
	Store Store
	// Logger records that topics are refused. The default discards it.
	Logger *slog.Logger
	// Now is the clock, default [time.Now].
	Now func() time.Time
}

// Limiter refuses events that would create a topic above the maximum. Events of topics
// that exist are never refused.
//
// One Limiter never creates more than Max topics, however many events are appended at
// once. While the last ones are being stored, it may refuse a topic that would just fit.
// Several instances with one store can exceed Max together, each by at most one batch:
// by the topics that other instances create between two of its reads. While the store is
// unavailable, topics are not counted, because events may go to a queue; events from a
// queue are always stored.
type Limiter struct {
	options Options
	known   known

	deciding sync.Mutex // held during a decision, reads of the store included
	// pending has the admitted topics that may not be in the store yet.
	pending map[string]time.Time
	failed  time.Time // when a read failed
}

// New returns a Limiter.
func New(options Options) *Limiter {
	if options.Logger == nil {
		options.Logger = slog.New(slog.DiscardHandler)
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Limiter{options: options, known: newKnown(options.Max), pending: map[string]time.Time{}}
}

// Refused returns the topics of events that must not be created. Room for the others is
// reserved for a minute. It is for callers that append all events or none.
func (l *Limiter) Refused(ctx context.Context, events []event.Event) map[string]bool {
	if l.known.hasAll(events) {
		return nil
	}
	return l.admit(ctx, events)
}

// Appender returns an appender in front of next. Events that the limit refuses have the
// outcome [event.TopicRefused] and do not reach next.
func (l *Limiter) Appender(next store.Appender) store.Appender {
	return &appender{limiter: l, next: next}
}

type appender struct {
	limiter *Limiter
	next    store.Appender
}

// Append implements [store.Appender].
func (a *appender) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	refused := a.limiter.Refused(ctx, events)
	if len(refused) == 0 {
		return a.next.Append(ctx, events)
	}
	kept := make([]event.Event, 0, len(events))
	for i := range events {
		if !refused[events[i].Topic] {
			kept = append(kept, events[i])
		}
	}
	var stored []event.Outcome
	if len(kept) > 0 {
		var err error
		if stored, err = a.next.Append(ctx, kept); err != nil || len(stored) != len(kept) {
			return stored, err
		}
	}
	outcomes := make([]event.Outcome, len(events))
	for i := range events {
		if refused[events[i].Topic] {
			outcomes[i] = event.TopicRefused
		} else {
			outcomes[i], stored = stored[0], stored[1:]
		}
	}
	return outcomes, nil
}
