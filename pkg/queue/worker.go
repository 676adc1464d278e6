package queue

import (
	"context"
	"errors"
	"fmt"
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

// storeSome stores the first messages of the batch. If that fails, the next append
// has half as many messages, until the message that fails is alone.
func (w *Worker) storeSome(ctx context.Context) error {
	n := w.appendSize()
	err := w.process(ctx, w.batch[:n])
	failed := (*storeError)(nil)
	switch {
	case err == nil:
		w.batch = w.batch[n:]
		return nil
	case !errors.As(err, &failed):
		return err
	case n > 1:
		w.limit = (n + 1) / 2
		w.checkOutage(failed.error)
		return nil
	}
	for w.retries.full(w.batch[0]) {
		if p := w.retries.worst(); p == nil || w.giveUp(ctx, p) != nil {
			return err // nothing is stored at all
		}
	}
	w.retries.park(w.batch[0], w.options.Now(), failed.error)
	w.checkOutage(failed.error)
	w.batch = w.batch[1:]
	return nil
}

// checkOutage lets the worker pause if an error concerns the store.
func (w *Worker) checkOutage(err error) {
	if concernsStore(err) {
		w.retries.recordOutage(err)
	}
}

// appendSize is how many messages of the batch are stored together. A message that
// was delivered before is stored alone, since it may have crashed its worker.
func (w *Worker) appendSize() int {
	n := 1
	for n < len(w.batch) && n != w.limit && w.batch[0].Deliveries == 1 && w.batch[n].Deliveries == 1 &&
		w.batch[0].Broken == nil && w.batch[n].Broken == nil {
		n++
	}
	return n
}

// retry tries a parked message again, or gives it up.
func (w *Worker) retry(ctx context.Context, p *parked) error {
	var err error
	if p.exhausted(w.options.Now(), w.options) {
		err = w.giveUp(ctx, p)
	} else if err = w.process(ctx, []Message{p.Message}); err == nil {
		w.retries.remove(p)
	}
	if failed := (*storeError)(nil); errors.As(err, &failed) {
		w.retries.recordFailure(p, w.options.Now(), failed.error)
		w.checkOutage(failed.error)
		return nil
	}
	return err
}

// giveUp ends the tries of a parked message.
func (w *Worker) giveUp(ctx context.Context, p *parked) error {
	end := func() error {
		if len(p.Events) > 1 {
			return w.consumer.Split(ctx, p.Message)
		}
		took := w.options.Now().Sub(p.began).Round(time.Second)
		return w.moveToDeadLetters(ctx, p.Message, fmt.Sprintf("failed %d times over %s while others were stored: %v", p.tries, took, p.err))
	}
	if err := w.unlessStored(ctx, p.Message, end); err != nil {
		return err
	}
	w.retries.remove(p)
	return nil
}

// unlessStored ends the tries of a message, unless its events are stored and only
// the acknowledgement was lost.
func (w *Worker) unlessStored(ctx context.Context, m Message, end func() error) error {
	looking, cancel := context.WithTimeout(ctx, w.options.AppendTimeout)
	defer cancel()
	known, err := w.into.Known(looking, []store.DeliveryID{m.ID})
	switch {
	case err != nil:
		return &storeError{err}
	case known[0]:
		return w.consumer.Acknowledge(ctx, []Message{m})
	default:
		return end()
	}
}

// process stores messages, or makes dead letters of those that can't be stored.
func (w *Worker) process(ctx context.Context, messages []Message) error {
	first := messages[0]
	switch {
	case first.Broken != nil:
		return w.moveToDeadLetters(ctx, first, first.Broken.Error())
	case first.Deliveries > w.options.MaxDeliveries:
		return w.unlessStored(ctx, first, func() error {
			return w.moveToDeadLetters(ctx, first, fmt.Sprintf("delivered %d times without being stored", first.Deliveries-1))
		})
	}
	// The append is finished even if ctx ends meanwhile: the worker stops afterwards.
	appending, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.options.AppendTimeout)
	defer cancel()
	received, err := w.into.Receive(appending, deliveriesOf(messages))
	switch {
	case err == nil:
		w.recordSuccess(ctx, received, len(messages))
		// Acknowledging first would lose the events in a crash in between. This
		// order delivers them again, and the store knows the delivery.
		return w.consumer.Acknowledge(appending, messages)
	case !errors.Is(err, store.ErrRejected) || len(messages) > 1:
		return &storeError{err}
	case len(first.Events) > 1:
		return w.consumer.Split(appending, first)
	default:
		return w.moveToDeadLetters(appending, first, err.Error())
	}
}

func deliveriesOf(messages []Message) []store.Delivery {
	deliveries := make([]store.Delivery, len(messages))
	for i, m := range messages {
		deliveries[i] = m.Delivery
	}
	return deliveries
}

// recordSuccess notes that the store has stored so many messages.
func (w *Worker) recordSuccess(ctx context.Context, received store.Received, messages int) {
	const enough = 256 // messages; a worker that stores so many needs no limit
	if messages == w.limit {
		if w.limit *= 2; w.limit > enough {
			w.limit = 0
		}
	}
	for _, p := range w.retries.recordSuccess(w.options.Now()) {
		w.options.Logger.WarnContext(ctx, "message failed while others are stored", slog.Int("events", len(p.Events)),
			slog.String("consequence", "it is tried again with growing pauses"), slog.Any("error", p.err))
	}
	w.options.OnReceived(received)
}

func (w *Worker) moveToDeadLetters(ctx context.Context, m Message, reason string) error {
	if err := w.consumer.MoveToDeadLetters(ctx, m, reason); err != nil {
		return err
	}
	events := max(1, len(m.Events))
	w.options.OnDeadLetter(events)
	w.options.Logger.ErrorContext(ctx, "events became dead letters; see 'eventagg deadletter list'",
		slog.Int("events", events), slog.String("reason", reason))
	return nil
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
