package cmd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/terminal"
)

// publishTarget is the part of a client that publish uses.
type publishTarget interface {
	store.Appender
	// Event returns a stored event.
	Event(ctx context.Context, key event.Key) (store.Record, error)
	// Ready returns nil if the server accepts events.
	Ready(ctx context.Context) error
	// Newest returns when the newest event was stored, by the server's clock, or
	// the zero Time if there is none.
	Newest(ctx context.Context) (time.Time, error)
	// Queued returns the number of events in the server's queue.
	Queued(ctx context.Context) (int64, error)
}

// httpTarget is a server as a publishTarget.
type httpTarget struct{ *client.Client }

// dialPublish returns a client with a connection for every concurrent request.
func (a *app) dialPublish(ctx context.Context, opts publishOptions) (publishTarget, func(), error) {
	options, err := a.clientOptions(ctx, opts.client)
	if err != nil {
		return nil, nil, err
	}
	options.Lines, options.Gzip, options.Concurrency = opts.ndjson, opts.gzip, opts.send.Concurrency
	options.OnResponse = opts.send.Responses.Count
	c, err := newClient(options)
	if err != nil {
		return nil, nil, err
	}
	return httpTarget{c}, c.Close, nil
}

// Queued returns the number of events in the server's queue.
func (t httpTarget) Queued(ctx context.Context) (int64, error) {
	totals, err := t.Totals(ctx)
	switch {
	case err != nil:
		return 0, err
	case totals.Queued == nil: // it responded "queued" before, so it has a queue
		return 0, fmt.Errorf("read the number of queued events: the server's queue is unavailable: %w", store.ErrUnavailable)
	default:
		return *totals.Queued, nil
	}
}

// Newest returns when the newest event was stored, by the store's clock. The last
// event in the order of the store may be a little older than one before it, so it
// looks at several.
func (t httpTarget) Newest(ctx context.Context) (time.Time, error) {
	const last = 1000
	page, err := t.Events(ctx, client.EventsQuery{Limit: last})
	var newest time.Time
	for _, record := range page.Records {
		if record.CreatedAt.After(newest) {
			newest = record.CreatedAt
		}
	}
	return newest, err
}

const (
	// readyInterval is the time between two requests of --wait.
	readyInterval = 200 * time.Millisecond
	// readyTimeout is the maximum time of one such request.
	readyTimeout = 5 * time.Second
)

// reach checks that there is a server. With --wait it waits until it is ready.
// Without, it fails at once instead of retrying for a minute. A server that responds
// "not ready" may be ready soon; requests to it are retried.
func (a *app) reach(ctx context.Context, target publishTarget, opts publishOptions) error {
	url := config.Redact(opts.client.URL)
	limit, cancel := context.WithTimeout(ctx, opts.waitTimeout)
	defer cancel()
	for waiting := false; ; waiting = true {
		err := ready(limit, target)
		if errors.Is(err, context.DeadlineExceeded) {
			err = &client.ConnectionError{Server: url, Reached: true, Err: err}
		}
		var response *client.ResponseError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !opts.wait && client.ForeignServer(err):
			return explainForeign(opts.client.URL, err)
		case !opts.wait && errors.As(err, &response):
			return nil
		case wrongCertificate(err):
			return reasonOnly(err) // the error says what to do
		case !opts.wait:
			return withHint(reasonOnly(err), "Start a server with 'eventagg serve', use --url for another one, or use --wait to wait for it.")
		case !waiting:
			_, _ = fmt.Fprintf(a.errOut, "waiting for %s to be ready\n", url)
		}
		if retry.Sleep(limit, readyInterval) == nil {
			continue
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return withHint(fmt.Errorf("%s was not ready within %v: %w", url, opts.waitTimeout, reasonOnly(err)),
			"Is it running? Use --wait-timeout to wait longer.")
	}
}

func ready(ctx context.Context, target publishTarget) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return target.Ready(ctx)
}

// awaitQueue waits until all queued events are stored; before, they can't be
// verified. It gives up if the queue doesn't become shorter for retryFor.
func (a *app) awaitQueue(ctx context.Context, target publishTarget, retryFor time.Duration) error {
	const interval = 200 * time.Millisecond
	if retryFor <= 0 {
		retryFor = loadgen.DefaultRetryFor
	}
	lowest, since := int64(math.MaxInt64), time.Now()
	for {
		left, err := target.Queued(ctx)
		switch {
		case err == nil && left == 0:
			return nil
		case err != nil && !store.Temporary(err):
			return err
		case err == nil && left < lowest:
			if lowest == math.MaxInt64 {
				_, _ = fmt.Fprintf(a.errOut, "waiting until %s queued events are stored\n", terminal.Count(left))
			}
			lowest, since = left, time.Now()
		case time.Since(since) > retryFor:
			return withHint(errors.Join(err, fmt.Errorf("%s events remain queued", terminal.Count(lowest))),
				"Is a worker running (serve --workers), and can it connect to the database?")
		}
		if err := retry.Sleep(ctx, interval); err != nil {
			return err
		}
	}
}
