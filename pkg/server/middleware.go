package server

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/server/respond"
)

// headerRequestID is the header field of a request's ID, in net/http's canonical
// form.
const headerRequestID = "X-Request-Id"

// observe surrounds every request: it sets an ID, refuses foreign web pages and requests
// without the rights, turns a panic into an error and an error into a response, and
// writes the log record. It is one function because each further layer costs every
// request an allocation.
//
// If a part of the response was sent already, an error can't become a response. It
// breaks the connection instead: a normal return would make the part look like a
// whole response.
func (s *Server) observe(next echo.HandlerFunc) echo.HandlerFunc {
	if s.options.Tracer != nil {
		next = s.traced(next)
	}
	return func(c echo.Context) error {
		begin := s.options.Now()
		header := c.Response().Header()
		id := s.ids.of(c.Request())
		header[headerRequestID] = []string{id}
		s.headers.Secure(header)
		if s.draining.Load() {
			header[respond.HeaderConnection] = s.headers.Close
		}
		s.identify(c)
		leave, err := s.streams.enter(c)
		defer leave()
		if err == nil {
			err = s.origins.admit(c)
		}
		if err == nil {
			err = s.authenticate(c)
		}
		if err == nil {
			err = s.checkScarce(c)
		}
		if err == nil {
			if err = respond.Guard(func() error { return next(c) }); err != nil {
				s.reportTopic(c, err)
			}
		}
		broken := err != nil && c.Response().Committed
		if err != nil {
			respond.SendError(c, err)
		}
		s.logRequest(c, id, begin, err)
		s.reportRequest(c, begin)
		respond.Drain(c)
		if broken {
			panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to break a connection; it is not logged
		}
		return nil
	}
}

// logRequest writes the log record of one request. It names the route, because paths
// and queries come from clients. Bodies never appear.
func (s *Server) logRequest(c echo.Context, id string, begin time.Time, err error) {
	ctx := c.Request().Context()
	status := c.Response().Status
	panicked, _ := errors.AsType[*respond.PanicError](err)
	level := levelOf(status)
	if panicked != nil { // perhaps after status 200 was sent
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
	if key := respond.Identity(c).Key; key != "" {
		attrs = append(attrs, slog.String("key", key))
	}
	if err != nil && (panicked != nil || status >= http.StatusInternalServerError) {
		attrs = append(attrs, slog.String("error", err.Error()))
	}
	if panicked != nil {
		attrs = append(attrs, slog.String("stack", string(panicked.Stack)))
	}
	s.options.Logger.LogAttrs(context.WithoutCancel(ctx), level, "request", attrs...)
}

// levelOf is debug for everything that a client caused, warn if the server is
// overloaded or without a store, and error for a fault of the program itself.
func levelOf(status int) slog.Level {
	switch {
	case status < http.StatusInternalServerError:
		return slog.LevelDebug
	case status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	default:
		return slog.LevelError
	}
}

// requestIDs returns IDs of requests: the client's own if it is valid, otherwise one
// that is unique, also among several instances.
type requestIDs struct {
	prefix string
	count  *atomic.Uint64
}

func newRequestIDs() requestIDs {
	const chars = 10 // 50 random bits
	return requestIDs{prefix: rand.Text()[:chars] + "-", count: new(atomic.Uint64)}
}

func (ids requestIDs) of(r *http.Request) string {
	if sent := r.Header[headerRequestID]; len(sent) == 1 && validID(sent[0]) {
		return sent[0]
	}
	const base = 36
	var buffer [32]byte
	return string(strconv.AppendUint(append(buffer[:0], ids.prefix...), ids.count.Add(1), base))
}

// maxIDBytes has room for two UUIDs and a word.
const maxIDBytes = 128

// validID reports whether a request ID can be written into a log and a header as
// it is: short and printable ASCII without spaces.
func validID(id string) bool {
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
