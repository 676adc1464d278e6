package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// write is a writer's life: take what waits, append it, answer, again, until
// the queue is empty and closed.
func (a *Appender) write() {
	var b batch
	for a.gather(&b) {
		a.flush(&b)
	}
}

// gather waits for work and moves it into the batch. It reports false when
// there will be no more.
func (a *Appender) gather(b *batch) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.queue.due(a.options.Now()) {
		if a.closed && a.queue.ready == 0 {
			a.arrive.Broadcast() // so that no other writer waits for more
			return false
		}
		a.watch()
		a.arrive.Wait()
	}
	a.queue.take(b, a.options.MaxBatch, a.options.Now())
	return true
}

// flush appends a batch and answers its callers.
func (a *Appender) flush(b *batch) {
	start := a.options.Now()
	if len(b.late) > 0 {
		b.answerLate(a.late())
	}
	var outcomes []event.Outcome
	var err error
	if len(b.events) > 0 {
		outcomes, err = a.append(b)
		a.report(err)
	}
	took := a.options.Now().Sub(start)

	a.mu.Lock()
	if err == nil {
		a.meter.observe(len(b.events), took)
	}
	a.queue.release(b)
	a.mu.Unlock()

	if a.options.OnFlush != nil && len(b.events) > 0 {
		a.options.OnFlush(len(b.events), took, err)
	}
	b.answer(outcomes, err)
	b.reset()
}

// late is what callers hear that no writer took in time.
func (a *Appender) late() error {
	if a.stop.Err() != nil {
		return fmt.Errorf("append events: %w", store.ErrClosed)
	}
	return store.NotReached(fmt.Errorf("append events: none taken within %s: %w", a.options.MaxWait, store.ErrUnavailable))
}

// append is the store's Append under the batch's own context, apart from every
// caller's: it ends by the flush timeout or when Close gives up.
func (a *Appender) append(b *batch) (outcomes []event.Outcome, err error) {
	if a.stop.Err() != nil {
		return nil, fmt.Errorf("append events: %w", store.ErrClosed)
	}
	ctx, cancel := context.WithTimeout(a.stop, a.options.FlushTimeout)
	defer cancel()
	ctx, end := a.trace(ctx, b)
	defer func() { end(err) }()
	outcomes, err = a.isolate(ctx, b.events)
	switch {
	case err == nil:
		return outcomes, nil
	case a.stop.Err() != nil:
		return nil, fmt.Errorf("append events: %w", errors.Join(store.ErrClosed, err))
	case ctx.Err() != nil:
		return nil, fmt.Errorf("append events within %s: %w", a.options.FlushTimeout, store.ErrUnavailable)
	default:
		return nil, err
	}
}

// isolate appends events. Where the store refuses them as data, it splits them
// until the culprit is alone: validation should have caught it, and its
// neighbours must not pay for that.
func (a *Appender) isolate(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	outcomes, err := a.next.Append(ctx, events)
	if !errors.Is(err, store.ErrRejected) {
		return outcomes, err
	}
	if len(events) == 1 {
		a.reject(ctx, events[0], err)
		return []event.Outcome{event.Rejected}, nil
	}
	middle := len(events) / 2
	left, err := a.isolate(ctx, events[:middle])
	if err != nil {
		return nil, err
	}
	right, err := a.isolate(ctx, events[middle:])
	if err != nil {
		return nil, halfDone(err)
	}
	return append(slices.Clip(left), right...), nil
}

// reject logs that the store refuses an event: not each of a flood, which may be
// a sender's every event, but one a second and how many came before it.
func (a *Appender) reject(ctx context.Context, e event.Event, err error) {
	now := a.options.Now()
	a.rejected.Lock()
	defer a.rejected.Unlock()
	if passed := now.Sub(a.rejected.told); passed >= 0 && passed < time.Second {
		a.rejected.more++
		return
	}
	attrs := []any{slog.String("topic", e.Topic), slog.String("event_id", e.ID), slog.Any("error", err)}
	if a.rejected.more > 0 {
		attrs = append(attrs, slog.Int("more_before", a.rejected.more))
	}
	a.rejected.told, a.rejected.more = now, 0
	a.options.Logger.WarnContext(ctx, "event rejected by the store", attrs...)
}

// halfDone is the error of the second half of a batch whose first half may be
// stored. Of the batch as a whole it must not say that nothing was taken, or a
// caller takes all of it elsewhere and half of it is counted twice.
func halfDone(err error) error {
	if errors.Is(err, store.ErrNotReached) || errors.Is(err, store.ErrOverloaded) {
		return fmt.Errorf("append events after others: %w: %s", store.ErrUnavailable, err.Error())
	}
	return err
}

// report logs that the store fails, or works again, once each. What becomes of
// the events is not known here: they may find another way.
func (a *Appender) report(err error) {
	if failing := err != nil; a.failing.Swap(failing) == failing {
		return
	}
	if err != nil {
		a.options.Logger.Error("store fails", slog.Any("error", err))
		return
	}
	a.options.Logger.Info("store works again")
}
