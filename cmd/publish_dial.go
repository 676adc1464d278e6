package cmd

import (
	"context"
	"fmt"
	"time"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/store"
)

// httpTarget is a server as publish needs it.
type httpTarget struct{ *client.Client }

// dialPublish makes a client with a connection for every request in flight.
func (a *app) dialPublish(opts publishOptions) (publishTarget, func(), error) {
	c, err := client.New(client.Options{
		Lines: opts.ndjson, Gzip: opts.gzip,
		URL: opts.url, Concurrency: opts.send.Concurrency, UserAgent: "eventagg/" + a.version,
	})
	if err != nil {
		return nil, nil, err
	}
	return httpTarget{c}, c.Close, nil
}

// Queued is how many events wait in the server's queue.
func (t httpTarget) Queued(ctx context.Context) (int64, error) {
	totals, err := t.Totals(ctx)
	switch {
	case err != nil:
		return 0, err
	case totals.Queued == nil: // it has answered "queued", so it has a queue
		return 0, fmt.Errorf("read what is queued: the server's queue is away: %w", store.ErrUnavailable)
	default:
		return *totals.Queued, nil
	}
}

// Newest is when the latest event arrived, by the store's clock. No event that
// was stored before can be later.
func (t httpTarget) Newest(ctx context.Context) (time.Time, error) {
	topics, err := t.TopicStats(ctx)
	var newest time.Time
	for _, topic := range topics {
		if topic.LastSeen.After(newest) {
			newest = topic.LastSeen
		}
	}
	return newest, err
}
