package client

import (
	"context"
	"slices"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// maxBufferBytes is about how much of a walk is held in memory. The server shows the
// newest events first and a reader wants the oldest first, so what lies beyond
// is read twice: once to find where to begin, once to be shown.
const maxBufferBytes = 16 << 20

// Last calls fn with the last so many events that match, oldest first and many
// at a time, with everything that is stored by now: what an append has been
// answered shows at once. It walks as many pages as that takes, and holds no more
// than some 16 MiB of events at once. It returns the first error of fn.
func (c *Client) Last(ctx context.Context, filter store.Filter, last int, fn func([]store.Record) error) error {
	if last < 1 {
		return ctx.Err()
	}
	_, err := c.lastFrom(ctx, EventsQuery{Filter: filter}, last, fn)
	return err
}

// skippedPage is a page of a walk that was not kept: where it begins, and the event
// that it ends with.
type skippedPage struct {
	cursor string
	end    event.Key
}

// lastFrom is Last from the page that a query begins with. It returns the cursor of
// that page's newer events.
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

// reversed calls fn with records that are newest first.
func reversed(records []store.Record, fn func([]store.Record) error) error {
	if len(records) == 0 {
		return nil
	}
	slices.Reverse(records)
	return fn(records)
}

// readSkipped reads a stretch of a walk once more. It ends with the event that it
// ended with before rather than by number: an event whose transaction took long
// may lie in it by now.
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
