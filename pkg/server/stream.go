package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/follow"
	"github.com/eventagg/eventagg/pkg/store"
)

const (
	// commentEvery is how often a stream has a comment, by which both ends of a
	// silent one see that the other is there.
	commentEvery = 15 * time.Second
	// streamWriteTimeout is how long a client may take none of what is written.
	streamWriteTimeout = 30 * time.Second
	// streamPiece is how much is written at once. A large event takes a slow client
	// many pieces, each of which has its time.
	streamPiece = 32 << 10
)

// streamRetry tells browsers how many milliseconds to wait before they come
// again.
const streamRetry = "retry: 1000\n"

// stream answers server-sent events (the WHATWG's HTML standard, section 9.2):
// each stored event once, from where the client wants to begin or left off.
func (s *Server) stream(c echo.Context) error {
	query, err := parseStreamQuery(c.Request().URL.RawQuery, c.Request().Header["Last-Event-Id"])
	if err != nil {
		return err
	}
	if s.draining.Load() {
		return fmt.Errorf("follow events: %w", store.ErrClosed)
	}
	ctx, cancel := context.WithCancel(c.Request().Context())
	defer cancel()
	defer context.AfterFunc(s.streaming, cancel)()
	follower, start, err := s.join(ctx, query)
	if err != nil {
		return err
	}
	defer follower.Leave()
	markStream(c)
	header := c.Response().Header()
	header["Content-Type"] = []string{api.TypeStream}
	header["Cache-Control"] = []string{"no-store"}
	header["X-Accel-Buffering"] = []string{"no"} // nginx would hold events back
	if c.Request().Method == http.MethodHead {
		c.Response().WriteHeader(http.StatusOK)
		return nil
	}
	conn := http.NewResponseController(c.Response())
	if c.Request().ContentLength != 0 {
		// Nobody wants a body here. Net/http would wait for the rest of it: before
		// the answer, and after it.
		header[headerConnection] = s.headers.closing
		defer func() { _ = conn.SetReadDeadline(time.Now()) }()
	}
	err = followStream(ctx, conn, c.Response(), follower, start)
	if ctx.Err() != nil || errors.Is(err, store.ErrForeignPosition) { // a client that comes again hears of the latter
		return nil
	}
	return err
}

// join finds where the client begins, and begins there.
func (s *Server) join(ctx context.Context, query streamQuery) (*follow.Follower, store.Position, error) {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var err error
	start := query.cursor.Position
	if !query.resumes {
		if start, err = s.feed.Start(ctx, query.filter, query.limit); err != nil {
			return nil, store.Position{}, err
		}
	}
	follower, err := s.feed.Join(ctx, query.filter, start)
	return follower, start, err
}

// followStream writes events as they come, and a comment every so often, until ctx
// ends or the client no longer reads.
func followStream(ctx context.Context, conn *http.ResponseController, w http.ResponseWriter, follower *follow.Follower, start store.Position) error {
	// The server's timeouts are for requests that end.
	if err := errors.Join(conn.SetReadDeadline(time.Time{}), conn.SetWriteDeadline(time.Time{})); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	send := func(text []byte) error {
		for piece := range slices.Chunk(text, streamPiece) {
			_ = conn.SetWriteDeadline(time.Now().Add(streamWriteTimeout)) // where it isn't supported there is no connection to hang
			if _, err := w.Write(piece); err != nil {
				return fmt.Errorf("write to a follower: %w", err)
			}
		}
		return conn.Flush()
	}
	// With the place where it begins, a client that is cut off before its first
	// event misses none.
	if err := send(appendPlace([]byte(streamRetry), start)); err != nil {
		return err
	}
	comment := time.Now().Add(commentEvery)
	for {
		text, err := follower.Next(ctx, time.Until(comment))
		if err != nil {
			return err
		}
		if len(text) > 0 {
			if err := send(text); err != nil {
				return err
			}
		}
		if time.Now().Before(comment) {
			continue
		}
		if err := send(appendPlace([]byte(": still here\n"), follower.Position())); err != nil {
			return err
		}
		comment = time.Now().Add(commentEvery)
	}
}

// appendMessage appends an event as a message. Line breaks, which JSON allows
// between its parts, would end the data; a space means the same.
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

// appendPlace ends a comment or a field with how far the client has come, which
// it would not know where a filter left out the latest events. A message without
// data is none, but its ID counts.
func appendPlace(dst []byte, at store.Position) []byte {
	dst = append(dst, "id: "...)
	dst = append(dst, api.Cursor{Newer: true, Position: at}.String()...)
	return append(dst, '\n', '\n')
}

// streamQuery is what GET /events/stream asks for.
type streamQuery struct {
	filter store.Filter
	// limit is how many of the last events come first.
	limit int
	// resumes says that cursor is where to go on instead.
	resumes bool
	cursor  api.Cursor
}

// parseStreamQuery reads a query string and the values of Last-Event-ID. The
// header counts more than the query: a browser that reconnects sends the same
// address again.
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
	return query, p.fault()
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
