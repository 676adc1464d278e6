package server

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"
)

// Names of header fields, in the form that net/http keeps them under.
const (
	headerRequestID  = "X-Request-Id"
	headerConnection = "Connection"
)

// observe is what happens around every request: it gets an ID, a panic becomes
// an error, an error becomes an answer, and the log gets its line. It is one
// function since each further layer costs every request an allocation.
//
// An error that comes when a part of the answer is out can't be answered any
// more. It breaks the connection instead: what the client has must not look like
// a whole answer, which a return would make of it.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	if s.options.Tracer != nil {
		next = s.traced(next)
	}
	return func(c echo.Context) error {
		begin := s.options.Now()
		header := c.Response().Header()
		id := s.ids.of(c.Request())
		header[headerRequestID] = []string{id}
		if s.draining.Load() {
			header[headerConnection] = s.headers.closing
		}
		err := guard(next, c)
		broken := err != nil && c.Response().Committed
		if err != nil {
			s.answerError(err, c)
		}
		s.logRequest(c, id, begin, err)
		s.told(c, begin)
		if broken {
			panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to say it; it logs nothing of this one
		}
		return nil
	}
}

// panicError is what a handler panicked with, and where.
type panicError struct {
	value any
	stack []byte
}

// Error names the value that the handler panicked with.
func (e *panicError) Error() string { return fmt.Sprintf("handler panicked: %v", e.value) }

// guard calls a handler and turns its panic into an error.
func guard(next echo.HandlerFunc, c echo.Context) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &panicError{value: value, stack: debug.Stack()}
		}
	}()
	return next(c)
}

// logRequest writes the line about one request. Paths and queries are what
// clients send, so it names the route instead; bodies never appear.
func (s *Server) logRequest(c echo.Context, id string, begin time.Time, err error) {
	ctx := c.Request().Context()
	status := c.Response().Status
	panicked, _ := errors.AsType[*panicError](err)
	level := s.level(status, begin)
	if panicked != nil { // perhaps after a status of 200 was sent
		level = slog.LevelError
	}
	if !s.options.Logger.Enabled(ctx, level) {
		return
	}
	attrs := []slog.Attr{
		slog.String("method", c.Request().Method),
		slog.String("route", routeOf(c)),
		slog.Int("status", status),
		slog.Duration("duration", s.options.Now().Sub(begin)),
		slog.Int64("bytes", c.Response().Size),
		slog.String("request_id", id),
	}
	if err != nil && (panicked != nil || status >= http.StatusInternalServerError) {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	if panicked != nil {
		attrs = append(attrs, slog.String("stack", string(panicked.stack)))
	}
	s.options.Logger.LogAttrs(context.WithoutCancel(ctx), level, "request", attrs...)
}

// level is debug for whatever a client did, and error for a fault of the
// program's own. Being overloaded or without a store is worth a warning, but
// not one for each request: it happens to all at once, and may go on for hours.
func (s *Server) level(status int, now time.Time) slog.Level {
	switch {
	case status < http.StatusInternalServerError:
		return slog.LevelDebug
	case status != http.StatusServiceUnavailable:
		return slog.LevelError
	case s.overload.allow(now):
		return slog.LevelWarn
	default:
		return slog.LevelDebug
	}
}

// limiter allows something at once, and then ever less often while it goes on:
// after a second, two more, four more, until it is once a minute.
type limiter struct {
	mu    sync.Mutex
	last  time.Time // when it allowed something
	pause time.Duration
}

func (l *limiter) allow(now time.Time) bool {
	const least, most = time.Second, time.Minute
	l.mu.Lock()
	defer l.mu.Unlock()
	silent := now.Sub(l.last)
	switch {
	case silent >= l.pause+most || silent < 0: // something new
		l.pause = least
	case silent < l.pause:
		return false
	default:
		l.pause = min(2*l.pause, most)
	}
	l.last = now
	return true
}

// requestIDs names requests: the client's own name where it has a sane one,
// otherwise one that no other request has, here or in another instance.
type requestIDs struct {
	prefix string
	count  *atomic.Uint64
}

func newRequestIDs() requestIDs {
	const chars = 10 // 50 bits of chance
	return requestIDs{prefix: rand.Text()[:chars] + "-", count: new(atomic.Uint64)}
}

func (ids requestIDs) of(r *http.Request) string {
	if sent := r.Header[headerRequestID]; len(sent) == 1 && saneID(sent[0]) {
		return sent[0]
	}
	const base = 36
	var buffer [32]byte
	return string(strconv.AppendUint(append(buffer[:0], ids.prefix...), ids.count.Add(1), base))
}

// maxIDBytes is enough for two UUIDs and a word.
const maxIDBytes = 128

// saneID reports whether a request ID can be written into a log and a header as
// it is: short and printable ASCII without spaces.
func saneID(id string) bool {
	if id == "" || len(id) > maxIDBytes {
		return false
	}
	for i := range len(id) {
		if id[i] <= ' ' || id[i] > '~' {
			return false
		}
	}
	return true
}
