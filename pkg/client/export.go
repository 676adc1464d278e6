package client

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// exportPage is how many events Export asks for at once: the most that the
// server gives.
const exportPage = 1000

// Export calls fn with every event that matches and that was settled when it
// began, oldest first and many at a time, and returns the first error of fn. What
// is stored later is left out; so is an event beside which a transaction was
// still open.
//
// The next page is read while fn has one, and no more than these two are held.
// Like [Client.Follow], Export waits for a server that goes away midway and goes
// on where it was. One that can't be reached at the beginning is an error at
// once, and other data midway is [store.ErrForeignPosition].
func (c *Client) Export(ctx context.Context, filter store.Filter, fn func([]store.Record) error) error {
	newest, err := c.Events(ctx, EventsQuery{Filter: filter, Limit: 1, Stable: true})
	if err != nil || len(newest.Records) == 0 {
		return err
	}
	end := newest.Records[0].Key()
	pages := make(chan []store.Record)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(pages)
		return c.exportPages(ctx, filter, end, pages)
	})
	group.Go(func() error {
		for records := range pages {
			if err := fn(records); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// exportPages sends all events up to the one with the key end.
func (c *Client) exportPages(ctx context.Context, filter store.Filter, end event.Key, pages chan<- []store.Record) error {
	cursor := api.Cursor{Newer: true}.String() // after nothing
	for ended := false; !ended; {
		records, next, err := c.newer(ctx, filter, cursor, exportPage)
		if err != nil {
			return err
		}
		// An event is not stored twice, and what was settled stays: the end comes.
		// Were it removed all the same, an empty page would be the last.
		if i := slices.IndexFunc(records, func(r store.Record) bool { return r.Key() == end }); i >= 0 {
			records, ended = records[:i+1], true
		}
		if len(records) == 0 {
			return nil
		}
		cursor = next
		select {
		case pages <- records:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
