package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/eventagg/eventagg/pkg/retry"
	"github.com/eventagg/eventagg/pkg/store"
)

// followPage is the number of events per page of Follow and Last.
const followPage = 100

// Follow calls fn with the last events that match, oldest first, and then with
// each event that is stored later. It returns when the context ends, fn returns
// an error, or a request fails for a reason that a retry can't fix. New events
// arrive as soon as they are stored. A server without the event stream is polled
// at the interval.
//
// Each event arrives once, in the order that all followers share, also across
// lost connections, restarts and several instances behind one URL. Follow
// reconnects with a backoff of up to 5 seconds, and honors Retry-After. If the
// server can't be reached at the start, Follow returns that error at once. If the
// server has different data after a reconnect, the error is
// [store.ErrForeignPosition].
func (c *Client) Follow(ctx context.Context, filter store.Filter, last int, interval time.Duration, fn func(store.Record) error) error {
	each := func(records []store.Record) error {
		for _, record := range records {
			if err := fn(record); err != nil {
				return err
			}
		}
		return nil
	}
	return c.Resume(ctx, ResumeQuery{Filter: filter, Last: last, Follow: true, Interval: interval}, each, func(string) error { return nil })
}

// ResumeQuery is the query of Resume.
type ResumeQuery struct {
	// Filter selects events.
	Filter store.Filter
	// Cursor is the position to start after. If it is empty, Resume starts with the
	// last events.
	Cursor string
	// Last is the number of last events to start with if Cursor is empty.
	Last int
	// Follow continues with new events until the context ends. Otherwise Resume
	// returns after the newest event.
	Follow bool
	// Interval is the time between two requests of Follow to a server without the
	// event stream.
	Interval time.Duration
}

// Resume calls fn with events, oldest first and many at a time, and then calls at
// with the cursor after them. A reader that saves the cursor and passes it to the
// next call misses no event, however long it was gone. With a cursor and Follow,
// Resume also waits for a server that is unavailable at the start. The rest is as in
// [Client.Follow].
func (c *Client) Resume(ctx context.Context, query ResumeQuery, fn func([]store.Record) error, at func(cursor string) error) error {
	cursor := query.Cursor
	if cursor == "" {
		// The last events come from the list, because the stream limits their
		// number. The cursor of the list continues with the stream.
		var err error
		if cursor, err = c.lastFrom(ctx, EventsQuery{Filter: query.Filter, Stable: true}, query.Last, fn); err != nil {
			return err
		}
		if cursor == "" {
			return errNoNewer
		}
		if err := at(cursor); err != nil || !query.Follow {
			return err
		}
	}
	if !query.Follow {
		return c.readNewer(ctx, query.Filter, cursor, fn, at)
	}
	one := make([]store.Record, 1)
	each := func(record store.Record) error {
		one[0] = record
		return fn(one)
	}
	f := &follower{Client: c, filter: query.Filter, cursor: cursor, fn: each, at: at, backoff: c.newBackoff()}
	if err := f.follow(ctx); !errors.Is(err, errNoStream) {
		return err
	}
	return c.poll(ctx, query, f.cursor, fn, at)
}

// readNewer reads all events after a cursor.
func (c *Client) readNewer(ctx context.Context, filter store.Filter, cursor string, fn func([]store.Record) error, at func(string) error) error {
	for {
		page, err := c.Events(ctx, EventsQuery{Filter: filter, Limit: followPage, Cursor: cursor})
		if next := c.skipDropped(err); next != "" {
			cursor = next
			continue
		}
		if err != nil {
			return err
		}
		if page.Prev == "" {
			return errNoNewer
		}
		if err := reversed(page.Records, fn); err != nil {
			return err
		}
		cursor = page.Prev
		if err := at(cursor); err != nil || !full(page.Records) {
			return err
		}
	}
}

// poll requests new events at each interval.
func (c *Client) poll(ctx context.Context, query ResumeQuery, cursor string, fn func([]store.Record) error, at func(string) error) error {
	for filled := false; ; {
		if !filled {
			if err := retry.Sleep(ctx, query.Interval); err != nil {
				return err
			}
		}
		var records []store.Record
		var err error
		if records, cursor, err = c.newer(ctx, query.Filter, cursor, followPage); err != nil {
			return err
		}
		filled = full(records)
		if err := fn(records); err != nil {
			return err
		}
		if err := at(cursor); err != nil {
			return err
		}
	}
}

// full reports whether a page has reached a limit, so there may be more events.
func full(page []store.Record) bool {
	return len(page) >= followPage || sizeOf(page) >= store.PageBytes
}

// sizeOf returns the size of the records in bytes.
func sizeOf(records []store.Record) int {
	size := 0
	for i := range records {
		size += records[i].Size()
	}
	return size
}

// newer returns the next events after a cursor, oldest first, and the cursor of
// the events after them. It retries while the server is unavailable.
func (c *Client) newer(ctx context.Context, filter store.Filter, cursor string, limit int) ([]store.Record, string, error) {
	backoff, lost := c.newBackoff(), false
	for {
		page, err := c.Events(ctx, EventsQuery{Filter: filter, Limit: limit, Cursor: cursor})
		if err == nil {
			if lost {
				c.options.OnConnection(nil)
			}
			if page.Prev == "" {
				return nil, "", errNoNewer
			}
			slices.Reverse(page.Records)
			return page.Records, page.Prev, nil
		}
		if next := c.skipDropped(err); next != "" {
			cursor = next
			continue
		}
		if ctx.Err() != nil || !store.Temporary(err) {
			return nil, "", err
		}
		if !lost {
			lost = true
			c.options.OnConnection(err)
		}
		if err := retry.Sleep(ctx, store.RetryAfter(err, 0)+backoff.Next()); err != nil {
			return nil, "", err
		}
	}
}

// errNoNewer reports a page without the link that Follow continues with.
var errNoNewer = fmt.Errorf("read events: %w: no link to newer events", errResponse)

// Bounds of the wait between two attempts.
const (
	minBackoff = 100 * time.Millisecond
	maxBackoff = 5 * time.Second
)

// newBackoff returns the waits between attempts. Half of each is random, so that
// clients that lost a server together do not reconnect together.
func (c *Client) newBackoff() retry.Backoff {
	return retry.Backoff{Min: minBackoff, Max: maxBackoff, Jitter: 0.5, Random: c.options.Random}
}
