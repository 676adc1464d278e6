package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

const (
	// maxReadBytes bounds what is read of one answer. A page has little more
	// than [store.PageBytes], but a server may be set to take larger events.
	maxReadBytes = 512 << 20
	// maxProblemBytes bounds what is read of an error's answer.
	maxProblemBytes = 64 << 10
)

// EventsQuery says which events to read. The zero value is the newest 10.
type EventsQuery struct {
	store.Filter

	// Limit is how many events a page has at most, 1 to 1,000; 0 leaves it
	// to the server. A page of large events has fewer: see [store.PageBytes].
	Limit int
	// Cursor is where to go on: [Page.Next] or [Page.Prev] of an earlier one.
	Cursor string
	// Stable asks for a page to follow from: it has a Prev.
	Stable bool
}

// Page is a part of a list of events.
type Page struct {
	// Records are newest first. Their positions are not known here and zero.
	Records []store.Record
	// Next is the cursor of older events, "" where there are none.
	Next string
	// Prev is the cursor of newer events, "" where there is no such link.
	Prev string
}

// Totals returns the server's totals with everything the server tells beside
// them.
func (c *Client) Totals(ctx context.Context) (api.Stats, error) {
	var got api.Stats
	if _, err := c.get(ctx, api.PathStats, "", nil, &got); err != nil {
		return api.Stats{}, fmt.Errorf("read stats: %w", err)
	}
	return got, nil
}

// Stats returns the server's totals as a store does.
func (c *Client) Stats(ctx context.Context) (store.Stats, error) {
	got, err := c.Totals(ctx)
	if err != nil {
		return store.Stats{}, err
	}
	return store.Stats{Received: got.Received, Unique: got.Unique, Duplicates: got.Duplicates, Topics: got.Topics}, nil
}

// TopicStats returns a row per topic, busiest first.
func (c *Client) TopicStats(ctx context.Context) ([]store.TopicStats, error) {
	var got []api.TopicStats
	if _, err := c.get(ctx, api.PathTopicStats, "", nil, &got); err != nil {
		return nil, fmt.Errorf("read topics: %w", err)
	}
	rows := make([]store.TopicStats, len(got))
	for i, row := range got {
		rows[i] = store.TopicStats{
			Topic: row.Topic, Unique: row.Unique, Duplicates: row.Duplicates,
			FirstSeen: row.FirstSeen.UTC(), LastSeen: row.LastSeen.UTC(),
		}
	}
	return rows, nil
}

// Event returns one event, or [store.ErrNotFound].
func (c *Client) Event(ctx context.Context, key event.Key) (store.Record, error) {
	var got api.Event
	escaped := api.PathEvents + "/" + escape(key.Topic) + "/" + escape(key.ID)
	if _, err := c.get(ctx, api.PathEvents+"/"+key.Topic+"/"+key.ID, escaped, nil, &got); err != nil {
		return store.Record{}, fmt.Errorf("read event: %w", err)
	}
	return got.Record(), nil
}

// escape writes a text as one part of a path. The dots of "." and ".." are
// escaped too: proxies take these parts for folders and resolve them.
func escape(part string) string {
	if part == "." || part == ".." {
		return strings.ReplaceAll(part, ".", "%2E")
	}
	return url.PathEscape(part)
}

// Events returns a page of events.
func (c *Client) Events(ctx context.Context, query EventsQuery) (Page, error) {
	var got []api.Event
	header, err := c.get(ctx, api.PathEvents, "", query.values(), &got)
	if err != nil {
		return Page{}, fmt.Errorf("read events: %w", err)
	}
	page := Page{
		Records: make([]store.Record, len(got)),
		Next:    linkedCursor(header["Link"], "next"), Prev: linkedCursor(header["Link"], "prev"),
	}
	for i, e := range got {
		page.Records[i] = e.Record()
	}
	return page, nil
}

func (q EventsQuery) values() url.Values {
	values := url.Values{}
	for name, text := range map[string]string{"topic": q.Topic, "source": q.Source, "cursor": q.Cursor} {
		if text != "" {
			values.Set(name, text)
		}
	}
	for name, t := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !t.IsZero() {
			values.Set(name, event.FormatTime(t))
		}
	}
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Stable {
		values.Set("settled", "true")
	}
	return values
}

// Ready returns nil where the server takes requests, and otherwise
// [store.ErrUnavailable] with what is missing.
func (c *Client) Ready(ctx context.Context) error {
	var health api.Health
	_, err := c.get(ctx, api.PathReadyz, "", nil, &health)
	if refused := (*ResponseError)(nil); errors.As(err, &refused) && refused.Status == http.StatusServiceUnavailable {
		return fmt.Errorf("server is not ready: %w", err)
	}
	return err
}

// get asks for a path and decodes its answer. The escaped form of the path is
// given where it is not the usual one.
func (c *Client) get(ctx context.Context, path, escaped string, query url.Values, into any) (http.Header, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	request, err := c.newRequest(ctx, path, escaped, query)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", api.TypeJSON)
	response, err := c.http.Do(request)
	if err != nil {
		return nil, c.connectionError(ctx, err)
	}
	defer func() {
		// A connection whose answer is read to its end can be used again.
		_, _ = io.CopyN(io.Discard, response.Body, maxProblemBytes)
		_ = response.Body.Close()
	}()
	if response.StatusCode != http.StatusOK {
		return nil, c.responseError(ctx, response)
	}
	return response.Header, c.decode(ctx, response.Body, into)
}

// newRequest makes a request for a path, as get has it.
func (c *Client) newRequest(ctx context.Context, path, escaped string, query url.Values) (*http.Request, error) {
	target := *c.base
	if escaped != "" {
		target.RawPath = target.EscapedPath() + escaped
	}
	target.Path += path
	target.RawQuery = query.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", c.options.UserAgent)
	return request, nil
}

// responseError is the error that an answer other than 200 means.
func (c *Client) responseError(ctx context.Context, from *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(from.Body, maxProblemBytes))
	if err != nil {
		return c.connectionError(ctx, err)
	}
	return response{status: from.StatusCode, retryAfter: from.Header.Get("Retry-After"), body: body}.err()
}

// decode reads an answer's JSON. An answer that breaks off is a lost
// connection; one that is no such JSON comes from another program.
func (c *Client) decode(ctx context.Context, body io.Reader, into any) error {
	noted := &notingReader{source: body}
	limited := &io.LimitedReader{R: noted, N: maxReadBytes}
	err := json.NewDecoder(limited).Decode(into)
	switch {
	case err == nil:
		return nil
	case limited.N == 0:
		return fmt.Errorf("%w: longer than %d bytes", errResponse, maxReadBytes)
	case noted.err != nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return c.connectionError(ctx, err)
	default:
		return fmt.Errorf("%w: %w", errJSON, err)
	}
}

// notingReader remembers that reading failed, which a decoder's error can't
// always tell from broken text.
type notingReader struct {
	source io.Reader
	err    error
}

// Read reads from the source. Its end is no failure: every answer has one, and a
// decoder for which it comes too early says so itself.
func (r *notingReader) Read(p []byte) (int, error) {
	n, err := r.source.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}
