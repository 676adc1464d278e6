package queue

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// Worker moves messages from a queue into a store.
type Worker struct {
	queue    Queue
	consumer Consumer
	into     store.Receiver
	options  WorkerOptions

	batch   []Message  // received and not tried yet
	limit   int        // maximum number of messages in one append; 0 for no limit
	retries retryQueue // messages that failed alone

	claimed, cleaned time.Time   // when that was last done
	queueFailed      atomic.Bool // a call to the queue failed
	watermarks       watermarks
	paused           bool // what the log says
}

// NewWorker returns a worker that receives messages as the consumer name.
func NewWorker(queue Queue, name string, into store.Receiver, options WorkerOptions) *Worker {
	return &Worker{queue: queue, consumer: queue.Consumer(name), into: into, options: options.WithDefaults()}
}

// Run works until ctx ends. It finishes the append in progress and releases the
// other messages that it has received.
func (w *Worker) Run(ctx context.Context) {
	var renewing sync.WaitGroup
	lasting, stop := context.WithCancel(context.WithoutCancel(ctx))
	renewing.Go(func() { w.renewLeases(lasting) })
	w.cleaned = w.options.Now()
	pause := retry.Backoff{Min: 100 * time.Millisecond, Max: 2 * time.Second}
	for ctx.Err() == nil {
		err := w.step(ctx)
		if ctx.Err() != nil {
			break
		}
		w.report(err)
		if err == nil {
			pause.Reset()
		} else {
			_ = retry.Sleep(ctx, pause.Next())
		}
	}
	stop()
	renewing.Wait()
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.options.AppendTimeout)
	defer cancel()
	if err := w.consumer.Leave(leaving); err != nil {
		w.options.Logger.DebugContext(ctx, "messages not released", slog.String("dependency", "queue"),
			slog.String("consequence", "other workers claim them when the lease ends"), slog.Any("error", err))
	}
}

// renewLeases renews the leases of the worker's messages until ctx ends, however
// long an append takes meanwhile.
func (w *Worker) renewLeases(ctx context.Context) {
	const renewals = 3 // per lease, so that one of them may fail
	tick := time.NewTicker(w.options.Lease / renewals)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if err := w.consumer.Renew(ctx); err != nil {
			w.queueFailed.Store(true)
		}
	}
}

// storeError is an error of the store, as opposed to one of the queue.
type storeError struct{ error }

// Unwrap returns the store's error.
func (e *storeError) Unwrap() error { return e.error }

var errNotReady = &storeError{store.ErrUnavailable}

// step tries a message that is due again and then the next messages. Its error
// means that the worker should pause.
func (w *Worker) step(ctx context.Context) error {
	if !w.options.Ready() {
		w.retries.reset()
		return errNotReady
	}
	err := w.clean(ctx)
	if p := w.retries.due(w.options.Now()); err == nil && p != nil {
		err = w.retry(ctx, p)
	}
	if err == nil && len(w.batch) == 0 {
		w.batch, err = w.next(ctx)
	}
	for err == nil && len(w.batch) > 0 && ctx.Err() == nil {
		if err = w.storeSome(ctx); err == nil {
			err = w.retries.storeFailing()
		}
	}
	failed := (*storeError)(nil)
	switch {
	case err == nil:
		return w.retries.storeFailing()
	case !errors.As(err, &failed):
		w.queueFailed.Store(true)
	}
	return err
}

// next returns messages of workers that crashed, or otherwise new ones. After the
// queue has failed it first waits for a lease: the leases of all workers may have
// expired meanwhile, and those that live renew them now.
func (w *Worker) next(ctx context.Context) ([]Message, error) {
	now := w.options.Now()
	if w.queueFailed.Swap(false) {
		w.claimed = now.Add(w.options.Lease - w.options.ClaimInterval)
	}
	if now.Sub(w.claimed) >= w.options.ClaimInterval {
		messages, err := w.consumer.Claim(ctx, w.options.Lease)
		if err != nil || len(messages) > 0 {
			return messages, err
		}
		w.claimed = now
	}
	return w.consumer.Receive(ctx, w.retries.wait(now, w.options.Wait))
}

// clean removes what is no longer needed: deliveries that the store remembers and
// that can't come again, and the names of consumers that are gone.
func (w *Worker) clean(ctx context.Context) error {
	now := w.options.Now()
	if now.Sub(w.cleaned) < w.options.CleanInterval {
		return nil
	}
	w.cleaned = now
	watermark, err := w.queue.LowWatermark(ctx)
	if err != nil {
		return err
	}
	if before := w.watermarks.observe(now, watermark); !before.IsZero() {
		forgetting, cancel := context.WithTimeout(ctx, w.options.AppendTimeout)
		defer cancel()
		if _, err := w.into.Forget(forgetting, before); err != nil {
			return &storeError{err}
		}
	}
	const long = 50 // leases; a consumer that is silent for so long is gone
	return w.consumer.Prune(ctx, long*w.options.Lease)
}

// report logs when the worker pauses and when it resumes, once each.
func (w *Worker) report(err error) {
	if w.paused == (err != nil) {
		return
	}
	w.paused = err != nil
	if !w.paused {
		w.options.Logger.Info("worker resumed")
		return
	}
	dependency := "queue"
	if failed := (*storeError)(nil); errors.As(err, &failed) {
		dependency = "database"
	}
	w.options.Logger.Warn("worker paused", slog.String("dependency", dependency),
		slog.String("consequence", "queued events stay queued"), slog.Any("error", err))
}
