package server

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// traced makes a span of each request, below that of the client where it tells
// of one (W3C Trace Context). Names are by OpenTelemetry's semantic conventions
// for HTTP servers; paths and queries are what clients send, so there is the
// route instead.
func (s *Server) traced(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		name := r.Method
		attributes := []attribute.KeyValue{attribute.String("http.request.method", r.Method)}
		if route := c.Path(); route != "" {
			name += " " + route
			attributes = append(attributes, attribute.String("http.route", route))
		}
		ctx, span := s.options.Tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...))
		defer span.End()
		c.SetRequest(r.WithContext(ctx))
		err := next(c)
		status := c.Response().Status
		if err != nil && !c.Response().Committed {
			status = s.problem(r, err).Status
		}
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
		return err
	}
}
