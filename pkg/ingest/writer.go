package ingest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// write is the loop of a writer: it takes waiting events, appends them, and returns
// the results, until the queue is empty and closed.
func (a *Appender) write() {
	var b batch
	for a.gather(&b) {
		a.flush(&b)
	}
}

// gather waits for work and moves it into the batch. It reports false if there
// will be no more.
func (a *Appender) gather(b *batch) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for !a.queue.due(a.options.Now()) {
		if a.closed && a.queue.ready == 0 {
			a.wake.Broadcast() // the other writers end, too
			return false
		}
		a.wakeForStuckBatch()
		a.wake.Wait()
	}
	a.queue.take(b, a.options.MaxBatch, a.options.Now())
	return true
}

// flush appends a batch and sets the results of its requests.
func (a *Appender) flush(b *batch) {
	start := a.options.Now()
	if len(b.late) > 0 {
		b.failLate(a.errLate())
	}
	var outcomes []event.Outcome
	var err error
	if len(b.events) > 0 {
		outcomes, err = a.append(b)
		a.logChange(err)
	}
	took := a.options.Now().Sub(start)

	a.mu.Lock()
	if err == nil && len(b.events) > 0 {
		a.drain.Observe(int64(len(b.events)), took)
	}
	a.queue.release(b)
	a.mu.Unlock()

	if a.options.OnFlush != nil && len(b.events) > 0 {
		a.options.OnFlush(len(b.events), took, err)
	}
	b.finish(outcomes, err)
	b.reset()
}

// errLate is the error of requests that no writer took in time.
func (a *Appender) errLate() error {
	if a.stop.Err() != nil {
		return fmt.Errorf("append events: %w", store.ErrClosed)
	}
	return store.NotReached(fmt.Errorf("append events: no writer was free within %s: %w", a.options.MaxWait, store.ErrUnavailable))
}

// append appends a batch to the store. Its context is independent of all callers:
// it ends after the flush timeout, or when Close stops waiting.
func (a *Appender) append(b *batch) (outcomes []event.Outcome, err error) {
	if a.stop.Err() != nil {
		return nil, fmt.Errorf("append events: %w", store.ErrClosed)
	}
	ctx, cancel := context.WithTimeout(a.stop, a.options.FlushTimeout)
	defer cancel()
	ctx, end := a.trace(ctx, b)
	defer func() { end(err) }()
	outcomes, err = a.bisectRejected(ctx, b.events)
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

// bisectRejected appends events. If the store rejects them, it halves the batch
// until the rejected event is alone, so that the others are stored. Validation
// should not have accepted such an event.
func (a *Appender) bisectRejected(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	outcomes, err := a.next.Append(ctx, events)
	if !errors.Is(err, store.ErrRejected) {
		return outcomes, err
	}
	if len(events) == 1 {
		a.options.Logger.WarnContext(ctx, "event rejected by the store", slog.String("topic", events[0].Topic), slog.String("event_id", events[0].ID),
			slog.Int("events", 1), slog.String("consequence", "the event is not stored and its sender gets the outcome rejected; other events are not affected"), slog.Any("error", err))
		return []event.Outcome{event.Rejected}, nil
	}
	middle := len(events) / 2
	left, err := a.bisectRejected(ctx, events[:middle])
	if err != nil {
		return nil, err
	}
	right, err := a.bisectRejected(ctx, events[middle:])
	if err != nil {
		return nil, asPartial(err)
	}
	return append(slices.Clip(left), right...), nil
}

// asPartial is the error of a batch whose first half may be stored. It must not say
// that nothing was stored: the caller would then store the whole batch elsewhere,
// and half of it would be counted twice.
func asPartial(err error) error {
	if errors.Is(err, store.ErrNotReached) || errors.Is(err, store.ErrOverloaded) {
		return fmt.Errorf("append events after others: %w: %s", store.ErrUnavailable, err.Error())
	}
	return err
}

// logChange logs the first failure of the store, and the first success after it.
func (a *Appender) logChange(err error) {
	if failing := err != nil; a.failing.Swap(failing) == failing {
		return
	}
	dependency := slog.String("dependency", a.options.Dependency)
	if err != nil {
		a.options.Logger.Error("append failed", dependency, slog.Any("error", err),
			slog.String("consequence", "events are not stored now; they go to the queue if there is one, and their senders must send them again otherwise"))
		return
	}
	a.options.Logger.Info("append succeeded again", dependency)
}
