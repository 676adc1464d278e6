package loadgen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// worker has at most one append under way. What it counts is its own.
type worker struct {
	*Runner
	counters counters
	failure  error                 // the first
	retrying atomic.Pointer[error] // why the append under way is tried again; anybody may read it
	batch    Batch
	reasons  map[int]error // why events of the append under way are refused
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
		if len(w.batch.Events) == 0 {
			return nil
		}
		planned, ok := w.pace(ctx, began)
		if !ok {
			return nil
		}
		if err := w.send(ctx, &w.batch, planned); err != nil {
			return err
		}
	}
	return nil
}

// pace waits until the batch is due and returns when that was; false when the
// run ends before.
func (w *worker) pace(ctx context.Context, began time.Time) (time.Time, bool) {
	now := w.options.Now()
	if !w.pacer.Open() {
		return now, true
	}
	due := w.pacer.Due(w.batch.Slot)
	if limit := w.options.Duration; limit > 0 && due >= limit {
		return now, false
	}
	if wait := w.pacer.Wait(now.Sub(began), w.batch.Slot); !pause(ctx, wait) {
		return now, false
	}
	return began.Add(due), true
}

// send appends until there is an answer or no sense in trying again. Its only
// error is ErrGaveUp.
func (w *worker) send(ctx context.Context, batch *Batch, planned time.Time) error {
	events := batch.Events
	w.counters.sent.Add(int64(len(events)))
	var outage outage
	defer w.retrying.Store(nil)
	for attempt := 0; ; attempt++ {
		clear(w.reasons)
		outcomes, err := w.target.Append(ctx, events)
		if err == nil && len(outcomes) != len(events) {
			err = fmt.Errorf("%d outcomes for %d events: %w", len(outcomes), len(events), errAnswer)
		}
		if err == nil {
			w.latency.record(w.options.Now().Sub(planned))
			w.answered(outcomes, batch)
			return nil
		}
		if errors.Is(err, store.ErrRejected) {
			return w.rejected(ctx, batch, planned, err)
		}
		if !nothingTaken(err, len(events)) {
			w.doubt(batch.Marks)
		}
		if w.retry(ctx, err, attempt, &outage) {
			continue
		}
		w.fail(ctx, err, len(events))
		if store.Temporary(err) && attempt > 0 && ctx.Err() == nil && outage.total(w.Runner) {
			return fmt.Errorf("%w: nothing was answered for %v: %w", ErrGaveUp, w.options.RetryFor, err)
		}
		return nil
	}
}

// errAnswer says that the target broke its contract.
var errAnswer = errors.New("broken answer")

// outage is what a request remembers of its first failure.
type outage struct {
	since    time.Time
	answered int64
}

// total reports whether nobody has been answered since.
func (o *outage) total(r *Runner) bool { return r.counts().Completed() == o.answered }

// retry waits before the next attempt; false when there is to be none.
func (w *worker) retry(ctx context.Context, err error, attempt int, o *outage) bool {
	if !store.Temporary(err) || w.options.RetryFor < 0 || ctx.Err() != nil {
		return false
	}
	now := w.options.Now()
	if attempt == 0 {
		*o = outage{since: now, answered: w.counts().Completed()}
	}
	left := w.options.RetryFor - now.Sub(o.since)
	if left <= 0 {
		return false
	}
	wait := min(backoff(err, attempt, w.options.Jitter()), left) // the last attempt is at the very end
	w.options.Logger.DebugContext(ctx, "append failed, trying again",
		slog.Int("attempt", attempt+1), slog.Duration("wait", wait), slog.Any("error", err))
	w.retrying.Store(&err)
	if !pause(ctx, wait) {
		return false
	}
	w.counters.retried.Add(1)
	return true
}

// answered counts the outcomes of an append and tells the ledger.
func (w *worker) answered(outcomes []event.Outcome, batch *Batch) {
	var success, ignored, queued, invalid int64
	for i, outcome := range outcomes {
		switch outcome {
		case event.Stored:
			success++
		case event.Duplicate:
			ignored++
		case event.Queued:
			queued++
		default:
			invalid++
			w.refused(batch.Lines[i], w.reasons[i])
		}
		if w.options.Ledger != nil {
			w.options.Ledger.answered(batch.Marks[i], outcome)
		}
	}
	w.counters.success.Add(success)
	if ignored > 0 {
		w.counters.ignored.Add(ignored)
	}
	if queued > 0 {
		w.counters.queued.Add(queued)
	}
	if invalid > 0 {
		w.counters.invalid.Add(invalid)
	}
}

// rejected finds the culprits of a batch that was refused as a whole: each
// event is sent alone, and the one that is refused again is invalid.
func (w *worker) rejected(ctx context.Context, batch *Batch, planned time.Time, reason error) error {
	events := len(batch.Events)
	if events == 1 {
		w.latency.record(w.options.Now().Sub(planned))
		w.counters.invalid.Add(1)
		w.refused(batch.Lines[0], reason)
		return nil
	}
	w.counters.sent.Add(-int64(events)) // each is counted when it is sent
	for i := range events {
		part := batch.only(i)
		if err := w.send(ctx, &part, planned); err != nil {
			w.counters.sent.Add(int64(events - i - 1))
			w.counters.failed.Add(int64(events - i - 1))
			return err
		}
	}
	return nil
}

// refused names a line of a file that the target will never take.
func (w *worker) refused(line int64, reason error) {
	if w.options.OnRejected == nil || line == 0 {
		return
	}
	if reason == nil {
		reason = store.ErrRejected
	}
	w.options.OnRejected(line, reason)
}

func (w *worker) fail(ctx context.Context, err error, events int) {
	w.counters.failed.Add(int64(events))
	if ctx.Err() != nil {
		return // it was us who stopped
	}
	if w.failure == nil {
		w.failure = err
	}
	w.options.Logger.DebugContext(ctx, "append failed for good", slog.Int("events", events), slog.Any("error", err))
}

// doubt notes that the events may be stored though nobody was told so.
func (w *worker) doubt(marks []Ref) {
	if w.options.Ledger == nil {
		return
	}
	for _, mark := range marks {
		w.options.Ledger.doubted(mark)
	}
}

// nothingTaken reports whether a failed append certainly stored nothing. Of
// several events a target may have sent some before it was turned away.
func nothingTaken(err error, events int) bool {
	return events == 1 && (errors.Is(err, store.ErrOverloaded) || errors.Is(err, store.ErrNotReached))
}

// pause waits; false when ctx ends first.
func pause(ctx context.Context, wait time.Duration) bool {
	if wait <= 0 {
		return ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
