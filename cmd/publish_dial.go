package cmd

import (
	"context"
	"time"

	"github.com/eventagg/eventagg/pkg/client"
)

// httpTarget is a server as publish needs it.
type httpTarget struct{ *client.Client }

// dialPublish makes a client with a connection for every request in flight.
func (a *app) dialPublish(opts publishOptions) (publishTarget, func(), error) {
	c, err := client.New(client.Options{
		URL: opts.url, Concurrency: opts.send.Concurrency, UserAgent: "eventagg/" + a.version,
	})
	if err != nil {
		return nil, nil, err
	}
	return httpTarget{c}, c.Close, nil
}

// Newest is when the newest event was stored.
func (t httpTarget) Newest(ctx context.Context) (time.Time, error) {
	page, err := t.Events(ctx, client.EventsQuery{Limit: 1})
	if err != nil || len(page.Records) == 0 {
		return time.Time{}, err
	}
	return page.Records[0].CreatedAt, nil
}
