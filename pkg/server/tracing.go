package server

import (
	"net/http"

	"github.com/labstack/echo/v4"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventagg/eventagg/pkg/server/respond"
)

// traced makes a span of each request. It is a child of the client's span if the
// request has one (W3C Trace Context). Names follow OpenTelemetry's semantic
// conventions for HTTP servers: the span has the route instead of the path, and a
// known method or "HTTP", because clients can send any path and any method.
func (s *Server) traced(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		r := c.Request()
		ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		name, attributes := methodAttributes(r.Method)
		if route := c.Path(); route != "" {
			name += " " + route
			attributes = append(attributes, attribute.String("http.route", route))
		}
		if key := respond.Identity(c).Key; key != "" {
			attributes = append(attributes, attribute.String("eventagg.key", key))
		}
		ctx, span := s.options.Tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(attributes...))
		defer span.End()
		c.SetRequest(r.WithContext(ctx))
		err := next(c)
		status := c.Response().Status
		if err != nil && !c.Response().Committed {
			status = respond.Problem(r, err).Status
		}
		span.SetAttributes(attribute.Int("http.response.status_code", status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, http.StatusText(status))
		}
		return err
	}
}

// methodAttributes returns the first word of the span's name and the attributes of
// a method. An unknown method is "_OTHER" in the attribute that traces are grouped
// by.
func methodAttributes(method string) (name string, attributes []attribute.KeyValue) {
	const known, original = attribute.Key("http.request.method"), attribute.Key("http.request.method_original")
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return method, []attribute.KeyValue{known.String(method)}
	default:
		return "HTTP", []attribute.KeyValue{known.String("_OTHER"), original.String(method)}
	}
}
