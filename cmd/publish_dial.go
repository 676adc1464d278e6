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

// Newest is when the newest events were stored. The last of the order need not
// be the latest by the clock, since transactions overlap, so it looks at as many
// as overlapping ones can hold.
func (t httpTarget) Newest(ctx context.Context) (time.Time, error) {
	var (
		newest time.Time
		query  = client.EventsQuery{Limit: 1000}
	)
	for range 3 {
		page, err := t.Events(ctx, query)
		if err != nil {
			return time.Time{}, err
		}
		for _, record := range page.Records {
			if record.CreatedAt.After(newest) {
				newest = record.CreatedAt
			}
		}
		if query.Cursor = page.Next; query.Cursor == "" {
			break
		}
	}
	return newest, nil
}
