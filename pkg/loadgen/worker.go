package loadgen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// errOutcomes reports a target that breaks the contract of [store.Appender].
var errOutcomes = errors.New("wrong number of outcomes")

// worker sends one batch at a time. It has its own counters.
type worker struct {
	*Runner
	counters counters
	failure  error                 // the first
	retrying atomic.Pointer[error] // why the current append is retried; read by Progress
	batch    Batch
	events   []event.Event
	reasons  map[int]error // of the current append: why events are rejected, by index
}

func (w *worker) run(ctx context.Context, began time.Time) error {
	if w.options.OnRejected != nil {
		w.reasons = map[int]error{}
		ctx = store.WithRejections(ctx, func(index int, reason error) { w.reasons[index] = reason })
	}
	for ctx.Err() == nil {
		if limit := w.options.Duration; limit > 0 && w.options.Now().Sub(began) >= limit {
			return nil
		}
		if err := w.source.Next(ctx, &w.batch, w.options.BatchSize); err != nil {
			return err
		}
		if len(w.batch.Items) == 0 {
			return nil
		}
		scheduled, ok := w.pace(ctx, began)
		if !ok {
			return nil
		}
		if err := w.send(ctx, w.batch.Items, scheduled); err != nil {
			return err
		}
	}
	return nil
}

// pace waits until the batch is due and returns that time. It returns false if
// the run ends before.
func (w *worker) pace(ctx context.Context, began time.Time) (time.Time, bool) {
	now := w.options.Now()
	if !w.pacer.Open() {
		return now, true
	}
	due := w.pacer.Due(w.batch.Slot)
	if limit := w.options.Duration; limit > 0 && due >= limit {
		return now, false
	}
	if wait := w.pacer.Wait(now.Sub(began), w.batch.Slot); wait > 0 && waitPrecisely(ctx, wait) != nil {
		return now, false
	}
	return began.Add(due), true
}

// send appends the items, with retries, and records the result. Its only error
// is ErrGaveUp.
func (w *worker) send(ctx context.Context, items []Item, scheduled time.Time) error {
	w.events = w.events[:0]
	for i := range items {
		w.events = append(w.events, items[i].Event)
	}
	w.counters.add(Counts{Sent: int64(len(items))})
	defer w.retrying.Store(nil)
	for failed := (retries{}); ; {
		clear(w.reasons)
		outcomes, err := w.target.Append(ctx, w.events)
		if err == nil && len(outcomes) != len(items) {
			err = fmt.Errorf("%w: %d outcomes for %d events", errOutcomes, len(outcomes), len(items))
		}
		if err == nil {
			w.measure(scheduled, len(items))
			w.record(outcomes, items)
			return nil
		}
		if errors.Is(err, store.ErrRejected) {
			return w.recordRejection(ctx, items, scheduled, err)
		}
		// A target may have stored some of several events before it failed.
		if len(items) > 1 || !store.NothingStored(err) {
			w.recordUnknown(items)
		}
		if w.retry(ctx, err, &failed) {
			continue
		}
		w.fail(ctx, err, len(items), scheduled)
		if w.options.EndsRun(err) {
			return fmt.Errorf("%w: %w", ErrGaveUp, err)
		}
		if failed.attempts > 0 && store.Temporary(err) && ctx.Err() == nil && w.counts().Completed() == failed.completed {
			return fmt.Errorf("%w: no response for %v: %w", ErrGaveUp, w.options.RetryFor, err)
		}
		return nil
	}
}

// retry waits before the next attempt. It returns false if there is none.
func (w *worker) retry(ctx context.Context, err error, failed *retries) bool {
	if !store.Temporary(err) || w.options.RetryFor < 0 || ctx.Err() != nil {
		return false
	}
	now := w.options.Now()
	if failed.attempts == 0 {
		*failed = retries{since: now, completed: w.counts().Completed(), backoff: newBackoff(w.options.Jitter)}
	}
	left := w.options.RetryFor - now.Sub(failed.since)
	if left <= 0 {
		return false
	}
	failed.attempts++
	wait := min(waitAfter(err, &failed.backoff), left) // the last attempt is at the end of RetryFor
	w.options.Logger.DebugContext(ctx, "append failed, retrying",
		slog.Int("attempt", failed.attempts), slog.Duration("wait", wait), slog.Any("error", err))
	w.retrying.Store(&err)
	if retry.Sleep(ctx, wait) != nil {
		return false
	}
	w.counters.add(Counts{Retried: 1})
	return true
}

// record counts the outcomes of an append and records them in the ledger.
func (w *worker) record(outcomes []event.Outcome, items []Item) {
	var tally event.Tally
	for i, outcome := range outcomes {
		tally.Count(outcome)
		if outcome == event.Rejected {
			w.reportRejected(items[i].Line, w.reasons[i])
		}
		if w.options.Ledger != nil {
			w.options.Ledger.record(items[i].Ref, outcome)
		}
	}
	w.counters.add(Counts{Tally: tally})
}

// recordRejection handles a batch that was rejected as a whole. It sends each
// event alone: one that is rejected again is invalid.
func (w *worker) recordRejection(ctx context.Context, items []Item, scheduled time.Time, reason error) error {
	if len(items) == 1 {
		w.measure(scheduled, 1)
		w.counters.add(Counts{Tally: event.Tally{Rejected: 1}})
		w.reportRejected(items[0].Line, reason)
		return nil
	}
	w.counters.add(Counts{Sent: -int64(len(items))}) // each is counted when it is sent
	for i := range items {
		if err := w.send(ctx, items[i:i+1], scheduled); err != nil {
			left := int64(len(items) - i - 1)
			w.counters.add(Counts{Sent: left, Failed: left})
			return err
		}
	}
	return nil
}

// reportRejected reports a line of a file that the target rejects.
func (w *worker) reportRejected(line int64, reason error) {
	if w.options.OnRejected == nil || line == 0 {
		return
	}
	if reason == nil {
		reason = store.ErrRejected
	}
	w.options.OnRejected(line, reason)
}

func (w *worker) fail(ctx context.Context, err error, events int, scheduled time.Time) {
	w.counters.add(Counts{Failed: int64(events)})
	if stage := w.stage(scheduled); stage != nil {
		stage.failed.Add(int64(events))
	}
	if ctx.Err() != nil {
		return // the run was stopped
	}
	if w.failure == nil {
		w.failure = err
	}
	w.options.Logger.DebugContext(ctx, "append failed, not retried", slog.Int("events", events), slog.Any("error", err))
}

// recordUnknown records that the events may be stored although there was no
// response.
func (w *worker) recordUnknown(items []Item) {
	if w.options.Ledger == nil {
		return
	}
	for i := range items {
		w.options.Ledger.recordUnknown(items[i].Ref)
	}
}
