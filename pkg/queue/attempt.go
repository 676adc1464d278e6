package queue

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

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
