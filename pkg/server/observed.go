package server

import (
	"context"
	"fmt"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Request is what Options.OnRequest hears of a request that was answered.
type Request struct {
	// Route is the path with the names of its parameters, "unknown" where
	// there is none: never what a client made up.
	Route string
	// Method is as the client sent it.
	Method string
	// Code is the answer's status.
	Code int
	// Took is how long it took from the head of the request to the end of the
	// answer.
	Took time.Duration
	// Stream says that how long it took was the client's choice: it sent
	// lines, or followed the events. That is no latency.
	Stream bool
}

// Outcomes counts events by what became of them.
type Outcomes struct {
	Stored, Duplicate, Queued int64
	// Invalid counts those that validation refused, a body that is no event
	// among them; Rejected those that the database refused.
	Invalid, Rejected int64
}

// keyStream marks the context of a request whose length is the client's choice.
const keyStream = "stream"

// markStream says that how long this request takes is no latency.
func markStream(c echo.Context) { c.Set(keyStream, true) }

// told calls Options.OnRequest.
func (s *Server) told(c echo.Context, begin time.Time) {
	if s.options.OnRequest == nil {
		return
	}
	s.options.OnRequest(Request{
		Route: routeOf(c), Method: c.Request().Method, Code: c.Response().Status,
		Took: s.options.Now().Sub(begin), Stream: c.Get(keyStream) != nil,
	})
}

// routeOf names the route of a request, which a client can't make up.
func routeOf(c echo.Context) string {
	if route := c.Path(); route != "" {
		return route
	}
	return "unknown"
}

// count tells Options.OnEvents what became of some events.
func (s *Server) count(t tally) {
	if s.options.OnEvents == nil || t == (tally{}) {
		return
	}
	s.options.OnEvents(Outcomes{
		Stored: t.success, Duplicate: t.ignored, Queued: t.queued, Invalid: t.invalid - t.rejected, Rejected: t.rejected,
	})
}

// countOne is count for a single event.
func (s *Server) countOne(outcome event.Outcome) {
	var t tally
	t.count(outcome)
	s.count(t)
}

// maxScrapes is how many scrapes may be under way at once. Each of them asks the
// store and the queue.
const maxScrapes = 4

// metrics leaves the request to Options.Metrics.
func (s *Server) metrics(c echo.Context) error {
	defer s.scrapes.Add(-1)
	if s.scrapes.Add(1) > maxScrapes {
		return fmt.Errorf("scrape: %w", store.ErrOverloaded)
	}
	s.options.Metrics.ServeHTTP(c.Response(), c.Request())
	return nil
}

// Followers counts the event streams that are open.
func (s *Server) Followers() int { return s.feed.Followers() }

// CheckStore reports what GET /readyz says of the store: nil where it is well.
// Callers share its answers, each of which counts for a second.
func (s *Server) CheckStore(ctx context.Context) error { return s.store.check(ctx) }

// CheckQueue is CheckStore for the queue; without one it is always well.
func (s *Server) CheckQueue(ctx context.Context) error {
	if s.queue == nil {
		return nil
	}
	return s.queue.check(ctx)
}
