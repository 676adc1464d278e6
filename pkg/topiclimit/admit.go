package topiclimit

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
)

const (
	// readTimeout is the maximum time for the reads of one decision.
	readTimeout = 2 * time.Second
	// failurePause is how long topics are not counted after a read failed, so that
	// appends do not wait for an unavailable store again and again.
	failurePause = time.Second
	// pendingAge is how long an admitted topic counts although the store does not have
	// it: its append failed, or it is in a queue.
	pendingAge = time.Minute
	// manyPending is the number of pending topics at which the limiter checks which of
	// them were stored meanwhile.
	manyPending = 10_000
)

// admit decides about the unknown topics of events, and returns the refused ones.
func (l *Limiter) admit(ctx context.Context, events []event.Event) map[string]bool {
	l.deciding.Lock()
	defer l.deciding.Unlock()
	topics := l.known.unknown(events)
	if len(topics) == 0 || l.options.Now().Sub(l.failed) < failurePause {
		return nil
	}
	// Another request may use the result, so it must not depend on this one's client.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
	defer cancel()
	refused, err := l.decide(ctx, topics)
	if err != nil {
		l.failed = l.options.Now()
		l.options.Logger.DebugContext(ctx, "topics not counted", slog.String("dependency", "database"), slog.Any("error", err))
		return nil
	}
	if len(refused) > 0 {
		l.options.Logger.WarnContext(ctx, "topics refused: ingest.max_topics is reached", slog.Int64("max_topics", l.options.Max),
			slog.Int("topics", len(refused)), slog.String("consequence", "events of further topics are invalid"))
	}
	return refused
}

// decide reads which of the topics exist, and admits others while there is room.
func (l *Limiter) decide(ctx context.Context, topics []string) (map[string]bool, error) {
	exist, err := l.options.Store.KnownTopics(ctx, topics)
	if err != nil {
		return nil, err
	}
	var created []string
	for i, topic := range topics {
		if _, admitted := l.pending[topic]; exist[i] || admitted {
			l.known.add(topic)
		} else {
			created = append(created, topic)
		}
	}
	if len(created) == 0 {
		return nil, nil
	}
	room, err := l.room(ctx, int64(len(created)))
	if err != nil {
		return nil, err
	}
	var refused map[string]bool
	for _, topic := range created {
		if room <= 0 {
			if refused == nil {
				refused = map[string]bool{}
			}
			refused[topic] = true
			continue
		}
		room--
		l.pending[topic] = l.options.Now()
		l.known.add(topic)
	}
	return refused, nil
}

// room returns how many topics may be created. The result is exact if it is less than
// wanted.
func (l *Limiter) room(ctx context.Context, wanted int64) (int64, error) {
	if len(l.pending) < manyPending {
		totals, err := l.options.Store.Stats(ctx)
		if err != nil {
			return 0, err
		}
		if room := l.options.Max - totals.Topics - int64(len(l.pending)); room >= wanted || len(l.pending) == 0 {
			return room, nil
		}
	}
	if err := l.confirm(ctx); err != nil {
		return 0, err
	}
	totals, err := l.options.Store.Stats(ctx) // after confirm, so that it counts all that were confirmed
	if err != nil {
		return 0, err
	}
	return l.options.Max - totals.Topics - int64(len(l.pending)), nil
}

// confirm removes from pending the topics that the store has, and those that have been
// pending for so long that their events were probably not stored.
func (l *Limiter) confirm(ctx context.Context) error {
	topics := slices.Collect(maps.Keys(l.pending))
	exist, err := l.options.Store.KnownTopics(ctx, topics)
	if err != nil {
		return err
	}
	for i, topic := range topics {
		if exist[i] || l.options.Now().Sub(l.pending[topic]) > pendingAge {
			delete(l.pending, topic)
		}
	}
	return nil
}
