package server

import (
	"fmt"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// Request is what Options.OnRequest gets after a response.
type Request struct {
	// Route is the path with the names of its parameters, or "unknown". It never
	// has text from a client.
	Route string
	// Method is the method as the client sent it.
	Method string
	// Code is the status of the response.
	Code int
	// Took is the time from the header of the request to the end of the response.
	Took time.Duration
	// Stream is set if the client decides how long the request takes: it sends
	// lines, or follows events. Then Took is not a latency.
	Stream bool
}

// reportRequest calls Options.OnRequest.
func (s *Server) reportRequest(c echo.Context, begin time.Time) {
	if s.options.OnRequest == nil {
		return
	}
	s.options.OnRequest(Request{
		Route: routeOf(c), Method: c.Request().Method, Code: c.Response().Status,
		Took: s.options.Now().Sub(begin), Stream: respond.IsStream(c),
	})
}

// routeOf names the route of a request, without text from the client.
func routeOf(c echo.Context) string {
	if route := c.Path(); route != "" {
		return route
	}
	return "unknown"
}

// maxScrapes is the maximum number of concurrent scrapes. Each of them reads from
// the store and the queue.
const maxScrapes = 4

// metrics handles GET /metrics with Options.Metrics.
func (s *Server) metrics(c echo.Context) error {
	if respond.Identity(c).Bounded() {
		return respond.TopicForbidden("The API key may read only some topics, and metrics are about all of them.")
	}
	defer s.scrapes.Add(-1)
	if s.scrapes.Add(1) > maxScrapes {
		return fmt.Errorf("scrape: %w", store.ErrOverloaded)
	}
	s.options.Metrics.ServeHTTP(c.Response(), c.Request())
	return nil
}

// Followers returns the number of open event streams.
func (s *Server) Followers() int { return s.query.Followers() }
