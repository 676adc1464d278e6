package publish

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// errOutcomes reports that the appender broke its contract.
var errOutcomes = errors.New("append: the number of outcomes is not the number of events")

// append commits the events of a request, by the route that the request prefers.
// The context of a request ends when the client closes its half of the
// connection, but a client may do so and still wait for the response. So the
// append ignores that context; the appender limits its time.
func (h *Handler) append(r *http.Request, prefer preferences, events []event.Event) ([]event.Outcome, error) {
	ctx, appender := context.WithoutCancel(r.Context()), h.options.Appender
	switch {
	case prefer.wait > 0:
		appender = h.options.Direct
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, prefer.wait)
		defer cancel()
	case prefer.async:
		appender = h.options.Async
	}
	outcomes, err := appender.Append(ctx, events)
	if err == nil && len(outcomes) != len(events) {
		return nil, errOutcomes
	}
	h.rejectConflicts(events, outcomes)
	return outcomes, err
}

// How long a stream of lines retries while the server is overloaded, and its
// backoff.
const (
	maxLineWait = 10 * time.Second
	minBackoff  = 5 * time.Millisecond
	maxBackoff  = 200 * time.Millisecond
)

// retryWhileOverloaded calls try until it is not overloaded, ctx ends because the
// client is gone, or maxWait has passed. Other errors end it at once.
func retryWhileOverloaded(ctx context.Context, maxWait time.Duration, try func() error) error {
	err := try()
	if !errors.Is(err, store.ErrOverloaded) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, maxWait)
	defer cancel()
	backoff := retry.Backoff{Min: minBackoff, Max: maxBackoff}
	for {
		if retry.Sleep(ctx, backoff.Next()) != nil {
			return err
		}
		if err = try(); !errors.Is(err, store.ErrOverloaded) {
			return err
		}
	}
}
