package queue

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// failedError is an error of the store, as opposed to one of the queue.
type failedError struct{ err error }

// Error is the store's text.
func (e *failedError) Error() string { return e.err.Error() }

// Unwrap returns the store's error.
func (e *failedError) Unwrap() error { return e.err }

// some receives messages, fewer at a time the more often the store has failed:
// a batch may be too slow for it, or have one message that fails all others.
// What fails alone goes to the shelf.
func (w *Worker) some(ctx context.Context, messages []Message) error {
	for len(messages) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := len(messages)
		if w.most > 0 {
			n = min(n, w.most)
		}
		err := w.receive(ctx, messages[:n])
		if err == nil && n == w.most {
			if w.most *= 2; w.most > mostAtOnce {
				w.most = 0
			}
		}
		switch {
		case err == nil:
		case n > 1 && w.halve(n, err):
			continue
		case n > 1 || !w.putAside(ctx, messages[0], err):
			return err
		}
		messages = messages[n:]
	}
	return nil
}

// mostAtOnce is from how many messages at once a worker takes all it gets again.
const mostAtOnce = 256

// halve deals with the failure of so many messages that were to be stored at
// once: fewer are, from now on. It reports whether that is worth trying without
// a pause, as it is where nothing says that the store fails at everything.
func (w *Worker) halve(n int, err error) bool {
	var failed *failedError
	if !errors.As(err, &failed) || !w.options.Ready() {
		return false
	}
	w.most = (n + 1) / 2
	return w.shelf.doubt() == nil
}

// putAside deals with the failure of a message that was alone. It comes again,
// but not before its time: putAside reports whether the worker may go on with
// others.
func (w *Worker) putAside(ctx context.Context, m Message, err error) bool {
	var failed *failedError
	if !errors.As(err, &failed) || !w.options.Ready() {
		return false
	}
	for !w.shelf.add(m, w.options.Now(), failed.err) {
		if !w.makeRoom(ctx) {
			return false
		}
	}
	w.consumer.Park(w.shelf.all())
	return w.shelf.doubt() == nil
}

// well notes that the store has taken something.
func (w *Worker) well(ctx context.Context) {
	for _, m := range w.shelf.storing(w.options.Now()) {
		w.blamed.add(len(m.Events), m.err.Error())
	}
	w.tell(ctx, time.Second)
	w.report(nil)
}

// again tries a message of the shelf whose time has come. That it fails again
// is no news; that the store fails at all others too is for the next to say.
func (w *Worker) again(ctx context.Context) error {
	m, at := w.shelf.next()
	if m == nil || at.After(w.options.Now()) {
		return nil
	}
	err := w.retry(ctx, m)
	var failed *failedError
	switch {
	case errors.As(err, &failed):
		w.shelf.again(m, w.options.Now(), failed.err)
		if w.options.Ready() {
			return nil
		}
		return err
	case err != nil:
		return err
	}
	w.shelf.remove(m)
	w.consumer.Park(w.shelf.all())
	return nil
}

// retry stores a message, or ends its tries: one of several events is split, so
// that only the culprit stays, and one of a single event is buried. Both come a
// pause after the last try.
func (w *Worker) retry(ctx context.Context, m *shelved) error {
	several := len(m.Events) > 1
	if m.tries < w.options.MaxDeliveries && (!several || m.tries == 0 || !m.tookNothing()) {
		return w.receive(ctx, []Message{m.Message})
	}
	return w.end(ctx, m)
}

// end is the end of a message's tries, unless it turns out to be stored.
func (w *Worker) end(ctx context.Context, m *shelved) error {
	known, err := w.known(ctx, m.Message)
	switch {
	case err != nil:
		return &failedError{err}
	case known:
		return w.consumer.Acknowledge(ctx, []Message{m.Message})
	case len(m.Events) > 1:
		return w.consumer.Split(ctx, m.Message)
	default:
		return w.bury(ctx, m.Message, fmt.Sprintf("tried %d times while others were stored: %v", m.tries, m.err))
	}
}

// makeRoom ends the tries of one message on a full shelf: where more come that
// fail than can be tried again, waiting for them would hold up all others. It
// reports whether there was one that is to blame.
func (w *Worker) makeRoom(ctx context.Context) bool {
	m := w.shelf.worst()
	if m == nil || w.end(ctx, m) != nil {
		return false
	}
	w.shelf.remove(m)
	return true
}

// known asks whether a message is stored, and was only never removed.
func (w *Worker) known(ctx context.Context, m Message) (bool, error) {
	if err := w.keep(ctx); err != nil {
		return false, err
	}
	asking, cancel := context.WithTimeout(ctx, w.options.AppendTimeout)
	defer cancel()
	known, err := w.into.Known(asking, []store.DeliveryID{m.ID})
	return err == nil && known[0], err
}
