package client

import (
	"context"
	"slices"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// maxBufferBytes limits the events that Last keeps in memory. The server returns
// the newest events first, but Last returns the oldest first. So events over
// the limit are read twice: once to find the first one, once to return them.
const maxBufferBytes = 16 << 20

// Last calls fn with the last events that match, oldest first and many at a time.
// It includes each event whose append has returned. It reads as many pages as
// necessary and buffers about 16 MiB of events. It returns the first error of fn.
func (c *Client) Last(ctx context.Context, filter store.Filter, last int, fn func([]store.Record) error) error {
	if last < 1 {
		return ctx.Err()
	}
	_, err := c.lastFrom(ctx, EventsQuery{Filter: filter}, last, fn)
	return err
}

// skippedPage is a page that was not buffered: its cursor and its last event.
type skippedPage struct {
	cursor string
	end    event.Key
}

// lastFrom is Last for the pages of a query. It returns the cursor of the events
// that are newer than the first page.
func (c *Client) lastFrom(ctx context.Context, query EventsQuery, last int, fn func([]store.Record) error) (newer string, err error) {
	var (
		kept  []store.Record
		size  int
		rest  []skippedPage
		left  = max(last, 0)
		first = true
	)
	for {
		query.Limit = min(max(left, 1), followPage)
		page, err := c.Events(ctx, query)
		if err != nil {
			return "", err
		}
		if first {
			newer, first = page.Prev, false
		}
		records := page.Records[:min(left, len(page.Records))]
		left -= len(records)
		switch {
		case size < c.bufferBytes:
			kept = append(kept, records...)
			size += sizeOf(records)
		case len(records) > 0:
			rest = append(rest, skippedPage{query.Cursor, records[len(records)-1].Key()})
		}
		if left == 0 || page.Next == "" {
			break
		}
		query = EventsQuery{Filter: query.Filter, Cursor: page.Next}
	}
	for _, s := range slices.Backward(rest) {
		records, err := c.readSkipped(ctx, query.Filter, s)
		if err != nil {
			return "", err
		}
		if err := reversed(records, fn); err != nil {
			return "", err
		}
	}
	return newer, reversed(kept, fn)
}

// reversed calls fn with the records in reverse order.
func reversed(records []store.Record, fn func([]store.Record) error) error {
	if len(records) == 0 {
		return nil
	}
	slices.Reverse(records)
	return fn(records)
}

// readSkipped reads a skipped page again. It ends with the same event, not after
// the same number: an event whose transaction took long may be in it now.
func (c *Client) readSkipped(ctx context.Context, filter store.Filter, s skippedPage) ([]store.Record, error) {
	var records []store.Record
	for cursor := s.cursor; cursor != ""; {
		page, err := c.Events(ctx, EventsQuery{Filter: filter, Limit: followPage, Cursor: cursor})
		if err != nil {
			return nil, err
		}
		if i := slices.IndexFunc(page.Records, func(r store.Record) bool { return r.Key() == s.end }); i >= 0 {
			return append(records, page.Records[:i+1]...), nil
		}
		records, cursor = append(records, page.Records...), page.Next
	}
	return records, nil
}
