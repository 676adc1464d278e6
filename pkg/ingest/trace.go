package ingest

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
)

// maxLinks is the maximum number of links of a span. OpenTelemetry's SDK keeps no
// more.
const maxLinks = 128

// trace begins the span of a group commit. The span has no parent, because it works
// for many requests: it has links to the spans of their requests. Without a tracer
// it does nothing.
func (a *Appender) trace(ctx context.Context, b *batch) (context.Context, func(error)) {
	if a.options.Tracer == nil {
		return ctx, func(error) {}
	}
	var links []trace.Link
	for _, r := range b.requests {
		if r.span.IsValid() && len(links) < maxLinks {
			links = append(links, trace.Link{SpanContext: r.span})
		}
	}
	ctx, span := a.options.Tracer.Start(ctx, "group commit", trace.WithNewRoot(), trace.WithLinks(links...), trace.WithAttributes(
		attribute.Int("eventagg.batch.events", len(b.events)), attribute.Int("eventagg.batch.requests", len(b.requests)),
	))
	return ctx, func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "not stored")
		}
		span.End()
	}
}
