package server

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/dashboard"
)

// routes says which path and method leads where. Echo answers OPTIONS by
// itself, with what is allowed.
func (s *Server) routes() {
	s.echo.HTTPErrorHandler = s.answerError
	s.echo.Use(s.observe)

	if s.options.Appender != nil {
		s.echo.POST(api.PathPublish, s.publish)
	}
	s.read(api.PathDashboard, echo.WrapHandler(dashboard.Handler()))
	s.read(api.PathStats, s.stats)
	s.read(api.PathTopicStats, s.topicStats)
	s.read(api.PathSeries, s.statsSeries)
	s.read(api.PathEvents, s.events)
	s.read(api.PathStream, s.stream)
	s.read(api.PathEvents+"/:topic/:event_id", s.event)
	s.read(api.PathHealthz, s.healthz)
	s.read(api.PathReadyz, s.readyz)
	s.read(api.PathHealth, s.readyz)
	if s.options.Metrics != nil {
		s.read(api.PathMetrics, s.metrics)
	}
	s.read(api.PathOpenAPI, s.openapi)
	s.read(api.PathDocs, s.docs)
	s.read(api.PathDocs+"/:file", s.docsFile)
	s.read(api.PathDocs+"/", s.guide)
	s.read(api.PathDocs+"/guides/:guide", s.guide)
	s.read(api.PathDocs+"/guides/decisions/:decision", s.guide)
}

// read adds a route for GET, and for HEAD: net/http leaves the body out.
func (s *Server) read(path string, handler echo.HandlerFunc) {
	s.echo.Match([]string{http.MethodGet, http.MethodHead}, path, handler)
}
