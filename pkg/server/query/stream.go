package query

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/follow"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

const (
	// commentEvery is the interval of comments. A silent stream needs them: each end
	// notices within this time that the other has disconnected.
	commentEvery = 15 * time.Second
	// streamWriteTimeout is the maximum time in which a client reads nothing. A large
	// event has this time for each piece.
	streamWriteTimeout = 30 * time.Second
)

// streamRetry sets the time in milliseconds that browsers wait before they
// reconnect.
const streamRetry = "retry: 1000\n"

// streamFarewell is the last message of a stream that ends because the server stops. A
// browser's EventSource gives up for ever if a reverse proxy responds with 502 or 503, so
// it must not come back before another instance is there.
const streamFarewell = "retry: 5000\n"

// Stream handles GET /events/stream with server-sent events (WHATWG HTML standard,
// section 9.2): each stored event once, from the client's start or its cursor on.
func (h *Handler) Stream(c echo.Context) error {
	query, err := parseStreamQuery(c.Request().URL.RawQuery, c.Request().Header["Last-Event-Id"])
	if err != nil {
		return err
	}
	stopping := h.options.Streaming.Err() != nil
	if stopping && !acceptsStream(c.Request().Header) {
		return fmt.Errorf("follow events: %w", store.ErrClosed)
	}
	if err := boundTopic(respond.Identity(c), &query.filter.Topic); err != nil {
		return err
	}
	client := respond.Client(c)
	if err := h.followers.enter(client); err != nil {
		return err
	}
	defer h.followers.leave(client)
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	if !stopping {
		defer context.AfterFunc(h.options.Streaming, cancel)()
	}
	var follower *follow.Follower
	var start store.Position
	err = h.refusals.guard(c, func() (err error) {
		follower, start, err = h.join(ctx, client, query)
		return err
	})
	if err != nil {
		return err
	}
	defer follower.Leave()
	if stopping {
		cancel()
	}
	return h.sendStream(ctx, c, follower, start)
}

// acceptsStream reports whether a client names the media type of streams, as every
// EventSource does. One in a browser gives up for ever after a 503. While the server
// stops, such a client gets its position and when to reconnect, and the stream ends.
func acceptsStream(header http.Header) bool {
	return strings.Contains(header.Get("Accept"), api.TypeStream)
}

// sendStream sends the response, and the events of a follower until ctx ends.
func (h *Handler) sendStream(ctx context.Context, c echo.Context, follower *follow.Follower, start store.Position) error {
	respond.MarkStream(c)
	header := c.Response().Header()
	header["Content-Type"] = []string{api.TypeStream}
	header["X-Accel-Buffering"] = []string{"no"} // otherwise nginx buffers events
	if c.Request().Method == http.MethodHead {
		c.Response().WriteHeader(http.StatusOK)
		return nil
	}
	conn := http.NewResponseController(c.Response())
	if c.Request().ContentLength != 0 {
		// A body makes no sense here. net/http would wait for the rest of it, before
		// and after the response.
		header[respond.HeaderConnection] = h.headers.Close
		defer func() { _ = conn.SetReadDeadline(time.Now()) }()
	}
	out := streamWriter{conn: conn, w: c.Response()}
	err := out.follow(ctx, follower, start, h.allowedFunc(c))
	if h.options.Streaming.Err() != nil && errors.Is(err, context.Canceled) {
		_ = out.send(appendPosition([]byte(streamFarewell), follower.Position())) // the client may be gone
	}
	if ctx.Err() != nil || errors.Is(err, store.ErrForeignPosition) || errors.Is(err, store.ErrDropped) { // the client gets the 422 or 410 when it reconnects
		return nil
	}
	return err
}

// join finds the start position of the client and makes a follower there.
func (h *Handler) join(ctx context.Context, client string, query streamQuery) (*follow.Follower, store.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	start := query.cursor.Position
	if !query.resumes {
		err := h.events.read(ctx, client, func() (err error) {
			start, err = h.hub.Start(ctx, query.filter, query.limit)
			return err
		})
		if err != nil {
			return nil, store.Position{}, err
		}
	}
	follower, err := h.hub.Join(ctx, query.filter, start, func(bytes int64) error {
		if bytes < 0 {
			h.memory.Release(client, -bytes)
			return nil
		}
		return h.memory.Reserve(client, bytes, 0)
	})
	return follower, start, err
}

// allowedFunc returns a function that reports whether the client of a stream may continue.
func (h *Handler) allowedFunc(c echo.Context) func() bool {
	id := respond.Identity(c)
	return func() bool { return h.options.StillAllowed == nil || h.options.StillAllowed(id) }
}

// streamWriter writes an event stream.
type streamWriter struct {
	conn *http.ResponseController
	w    http.ResponseWriter
}

// send sends a text at once.
func (s streamWriter) send(text []byte) error {
	for piece := range slices.Chunk(text, respond.PieceBytes) {
		_ = s.conn.SetWriteDeadline(time.Now().Add(streamWriteTimeout)) // only tests have a writer without deadlines
		if _, err := s.w.Write(piece); err != nil {
			return fmt.Errorf("write to a follower: %w", err)
		}
	}
	return s.conn.Flush()
}

// follow writes events as they come, and a comment from time to time, until ctx ends,
// the client stops reading, or its key is no longer valid.
func (s streamWriter) follow(ctx context.Context, follower *follow.Follower, start store.Position, allowed func() bool) error {
	// The server's timeouts are meant for requests that end.
	if err := errors.Join(s.conn.SetReadDeadline(time.Time{}), s.conn.SetWriteDeadline(time.Time{})); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	// A client that knows its start misses nothing if it is cut off before its first
	// event.
	if err := s.send(appendPosition([]byte(streamRetry), start)); err != nil {
		return err
	}
	comment := time.Now().Add(commentEvery)
	for {
		text, err := follower.Next(ctx, time.Until(comment))
		if err != nil {
			return err
		}
		if len(text) > 0 {
			if err := s.send(text); err != nil {
				return err
			}
		}
		if time.Now().Before(comment) {
			continue
		}
		if !allowed() {
			return nil // the client gets the 401 or 403 when it reconnects
		}
		if err := s.send(appendPosition([]byte(": still here\n"), follower.Position())); err != nil {
			return err
		}
		comment = time.Now().Add(commentEvery)
	}
}

// appendMessage appends an event as a message. JSON allows line breaks between its
// parts, but they would end the data, so they become spaces.
func appendMessage(dst []byte, record store.Record) []byte {
	dst = append(dst, "id: "...)
	dst = append(dst, api.Cursor{Newer: true, Position: record.Position}.String()...)
	dst = append(dst, "\nevent: event\ndata: "...)
	begin := len(dst)
	dst = appendRecord(dst, record)
	if data := dst[begin:]; bytes.ContainsAny(data, "\r\n") {
		for i, b := range data {
			if b == '\r' || b == '\n' {
				data[i] = ' '
			}
		}
	}
	return append(dst, '\n', '\n')
}

// appendPosition ends a comment or field with the client's position. Without it the
// client would not know its position if a filter left out the latest events. Browsers
// dispatch no message without data, but they keep its ID.
func appendPosition(dst []byte, at store.Position) []byte {
	dst = append(dst, "id: "...)
	dst = append(dst, api.Cursor{Newer: true, Position: at}.String()...)
	return append(dst, '\n', '\n')
}

// streamQuery is the query of GET /events/stream.
type streamQuery struct {
	filter store.Filter
	// limit is the number of last events that come first.
	limit int
	// resumes is set if the stream continues after cursor instead.
	resumes bool
	cursor  api.Cursor
}

// parseStreamQuery reads a query string and the values of Last-Event-ID. The
// header overrides the query, because a browser that reconnects sends the same URL
// again.
func parseStreamQuery(raw string, lastEventID []string) (streamQuery, error) {
	p, err := newParams(raw)
	if err != nil {
		return streamQuery{}, err
	}
	var query streamQuery
	p.checkNames("topic", "source", "since", "limit", "cursor")
	p.read("topic", func(text string) error { query.filter.Topic = text; return nil })
	p.read("source", func(text string) error { query.filter.Source = text; return nil })
	p.read("since", func(text string) (err error) { query.filter.Since, err = parseTime(text); return err })
	p.read("limit", func(text string) (err error) { query.limit, err = parseStreamLimit(text); return err })
	p.read("cursor", func(text string) (err error) { query.cursor, err = parseNewerCursor(text); return err })
	p.checkFilter(query.filter)
	query.resumes = p.values.Has("cursor")
	if len(lastEventID) > 0 && lastEventID[len(lastEventID)-1] != "" {
		query.resumes = true
		if query.cursor, err = parseNewerCursor(lastEventID[len(lastEventID)-1]); err != nil {
			p.add("Last-Event-ID", err.Error())
		}
	}
	return query, p.err()
}

var (
	errStreamLimit = errors.New("must be a whole number from 0 to 1000")
	errNewerCursor = errors.New(`must be the id of an event of this server's stream, or the cursor of a "prev" link`)
)

func parseStreamLimit(text string) (int, error) {
	limit, err := strconv.ParseUint(text, 10, 16)
	if err != nil || limit > maxLimit {
		return 0, errStreamLimit
	}
	return int(limit), nil
}

func parseNewerCursor(text string) (api.Cursor, error) {
	cursor, err := api.ParseCursor(text)
	if err != nil || !cursor.Newer {
		return api.Cursor{}, errNewerCursor
	}
	return cursor, nil
}
