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
	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/store"
)

const (
	// maxReadBytes limits one response. A page has little more than
	// [store.PageBytes], unless the server accepts larger events.
	maxReadBytes = 512 << 20
	// topicsPage is the maximum number of topics in one response.
	topicsPage = 1000
	// maxProblemBytes limits an error response.
	maxProblemBytes = 64 << 10
)

// EventsQuery selects events. The zero value selects the newest 10.
type EventsQuery struct {
	store.Filter

	// Limit is the maximum number of events of a page, 1 to 1,000. With 0 the
	// server decides. A page of large events has fewer, see [store.PageBytes].
	Limit int
	// Cursor continues an earlier page: its [Page.Next] or [Page.Prev].
	Cursor string
	// Stable requests a page with a Prev to follow from. It omits events whose
	// position is not stable yet.
	Stable bool
}

// Page is one page of events.
type Page struct {
	// Records are ordered from newest to oldest. Their positions are zero.
	Records []store.Record
	// Next is the cursor of older events, "" if there are none.
	Next string
	// Prev is the cursor of newer events, "" without such a link.
	Prev string
}

// Totals returns the totals with all further members that the server sends.
func (c *Client) Totals(ctx context.Context) (api.Stats, error) {
	var got api.Stats
	if _, err := c.get(ctx, api.PathStats, "", nil, &got); err != nil {
		return api.Stats{}, fmt.Errorf("read stats: %w", err)
	}
	return got, nil
}

// Stats returns the totals, see [store.StatsReader].
func (c *Client) Stats(ctx context.Context) (store.Stats, error) {
	got, err := c.Totals(ctx)
	if err != nil {
		return store.Stats{}, err
	}
	return store.Stats{Received: got.Received, Stored: got.Stored, Duplicates: got.Duplicates, Conflicts: got.Conflicts, Kept: got.Kept, Topics: got.Topics}, nil
}

// TopicStats returns one row per selected topic, busiest first, see
// [store.StatsReader]. It requests as many pages as the query needs.
func (c *Client) TopicStats(ctx context.Context, query store.TopicQuery) ([]store.TopicStats, error) {
	values := url.Values{}
	if query.Topic != "" {
		values.Set("topic", query.Topic)
	}
	if after := query.After; after.Topic != "" {
		values.Set("cursor", api.TopicCursor{Received: after.Stored + after.Duplicates, Topic: after.Topic}.String())
	}
	rows := []store.TopicStats{}
	for {
		if query.Limit > 0 {
			values.Set("limit", strconv.Itoa(min(query.Limit-len(rows), topicsPage)))
		}
		var got []api.TopicStats
		header, err := c.get(ctx, api.PathTopicStats, "", values, &got)
		if err != nil {
			return nil, fmt.Errorf("read topics: %w", err)
		}
		for _, row := range got {
			rows = append(rows, store.TopicStats{
				Topic: row.Topic, Stored: row.Stored, Duplicates: row.Duplicates, Conflicts: row.Conflicts,
				FirstSeen: row.FirstSeen.UTC(), LastSeen: row.LastSeen.UTC(),
			})
		}
		next := linkedCursor(header["Link"], "next")
		if next == "" || len(got) == 0 || query.Limit > 0 && len(rows) >= query.Limit {
			return rows, nil
		}
		values.Set("cursor", next)
	}
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

// escape escapes a text as one segment of a path. The dots of "." and ".." are
// escaped, too, because proxies resolve these segments.
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
	for name, text := range map[string]string{"topic": q.Topic, "source": q.Source, "event_id": q.ID, "cursor": q.Cursor} {
		if text != "" {
			values.Set(name, text)
		}
	}
	for name, t := range map[string]time.Time{"since": q.Since, "until": q.Until} {
		if !t.IsZero() {
			values.Set(name, codec.FormatTime(t))
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

// Ready returns nil if the server is ready, otherwise [store.ErrUnavailable] with
// the failed checks.
func (c *Client) Ready(ctx context.Context) error {
	var health api.Health
	_, err := c.get(ctx, api.PathReadyz, "", nil, &health)
	if refused := (*ResponseError)(nil); errors.As(err, &refused) && refused.Status == http.StatusServiceUnavailable {
		return fmt.Errorf("server is not ready: %w", err)
	}
	return err
}

// get sends GET for a path and decodes the response. escaped is the escaped form
// of the path if it is not the usual one.
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
		// A connection can be reused only if the response was read to its end.
		_, _ = io.CopyN(io.Discard, response.Body, maxProblemBytes)
		_ = response.Body.Close()
	}()
	if response.StatusCode != http.StatusOK {
		return nil, c.responseError(ctx, response)
	}
	return response.Header, c.decode(ctx, response.Body, into)
}

// newRequest creates the request of get.
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
	for name, values := range c.options.Header {
		request.Header[http.CanonicalHeaderKey(name)] = values
	}
	request.Header.Set("User-Agent", c.options.UserAgent)
	if value := authorization(c.options.Key); value != "" {
		request.Header.Set("Authorization", value)
	}
	return request, nil
}

// authorization returns the header of that name, "" without a key.
func authorization(key auth.Key) string {
	if key == (auth.Key{}) {
		return ""
	}
	return "Bearer " + key.Reveal()
}

// responseError returns the error that a response other than 200 means.
func (c *Client) responseError(ctx context.Context, from *http.Response) error {
	body, err := io.ReadAll(io.LimitReader(from.Body, maxProblemBytes))
	if err != nil {
		return c.connectionError(ctx, err)
	}
	return response{status: from.StatusCode, retryAfter: from.Header.Get("Retry-After"), location: from.Header.Get("Location"), body: body}.err()
}

// decode decodes the JSON of a response. An incomplete response is a failed
// connection. Invalid JSON comes from another program.
func (c *Client) decode(ctx context.Context, body io.Reader, into any) error {
	recorder := &errorRecorder{source: body}
	limited := &io.LimitedReader{R: recorder, N: maxReadBytes}
	err := json.NewDecoder(limited).Decode(into)
	switch {
	case err == nil:
		return nil
	case limited.N == 0:
		return fmt.Errorf("%w: longer than %d bytes", errResponse, maxReadBytes)
	case recorder.err != nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return c.connectionError(ctx, err)
	default:
		return fmt.Errorf("%w: %w", errJSON, err)
	}
}

// errorRecorder keeps the error of its source. The error of a decoder does not
// always distinguish it from invalid JSON.
type errorRecorder struct {
	source io.Reader
	err    error
}

// Read reads from the source. [io.EOF] is not recorded: the decoder returns an
// error if it comes too early.
func (r *errorRecorder) Read(p []byte) (int, error) {
	n, err := r.source.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}
