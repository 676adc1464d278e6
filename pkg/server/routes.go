package server

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/dashboard"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// routeEvent is the route of one event.
const routeEvent = api.PathEvents + "/:topic/:event_id"

// routes maps paths and methods to handlers. Echo itself responds to OPTIONS, with
// the methods that a path allows.
func (s *Server) routes() {
	s.echo.HTTPErrorHandler = func(err error, c echo.Context) { respond.SendError(c, err) }
	s.echo.Use(s.observe)

	if s.options.Appender != nil {
		s.echo.POST(api.PathPublish, s.publish.Publish)
	}
	s.get(api.PathDashboard, echo.WrapHandler(dashboard.Handler()))
	s.get(api.PathStats, s.query.Stats)
	s.get(api.PathTopicStats, s.query.TopicStats)
	s.get(api.PathSeries, s.query.Series)
	s.get(api.PathDuplicates, s.query.Duplicates)
	s.get(api.PathEvents, s.query.Events)
	s.get(api.PathStream, s.query.Stream)
	s.get(routeEvent, s.query.Event)
	s.get(api.PathSession, s.session)
	s.echo.POST(api.PathSession, s.login)
	s.echo.DELETE(api.PathSession, s.logout)
	for _, path := range []string{api.PathHealthz, api.PathLivez, api.PathHealthLive} {
		s.get(path, s.healthz)
	}
	for _, path := range []string{api.PathReadyz, api.PathHealth, api.PathReady, api.PathHealthReady} {
		s.get(path, s.readyz)
	}
	if s.options.Metrics != nil {
		s.get(api.PathMetrics, s.metrics)
	}
	s.get(api.PathOpenAPI, s.openapi)
	s.get(api.PathDocs, s.docs)
	s.get(api.PathDocs+"/:file", s.docsFile)
	s.get(api.PathDocs+"/", s.guide)
	s.get(api.PathDocs+"/guides/:guide", s.guide)
	s.get(api.PathDocs+"/guides/decisions/:decision", s.guide)
}

// get adds a route for GET and HEAD. net/http omits the body for HEAD.
func (s *Server) get(path string, handler echo.HandlerFunc) {
	s.echo.Match([]string{http.MethodGet, http.MethodHead}, path, handler)
}
