package client

import (
	"context"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// exportPage is the number of events per page of Export: the maximum of the
// server.
const exportPage = 1000

// Export calls fn with each event that matches and had a stable position when
// Export began, oldest first and many at a time. It returns the first error of
// fn. Events that are stored later are left out. So are events that were stored
// while an older transaction was still open.
//
// Export reads the next page while fn processes one, and keeps only these two in
// memory. Like [Client.Follow], it reconnects and continues after a lost
// connection. If the server can't be reached at the start, Export returns that
// error at once. If the server has different data after a reconnect, the error is
// [store.ErrForeignPosition].
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

// exportPages sends the pages up to the event with the key end.
func (c *Client) exportPages(ctx context.Context, filter store.Filter, end event.Key, pages chan<- []store.Record) error {
	cursor := api.Cursor{Newer: true}.String() // from the start
	for ended := false; !ended; {
		records, next, err := c.newer(ctx, filter, cursor, exportPage)
		if err != nil {
			return err
		}
		// A stable position never changes, so the end comes. If the event was
		// removed, an empty page is the last.
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
