package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Store returns a store whose appends are spans: one transaction each, from its
// statement to its COMMIT. The system is the database's name in OpenTelemetry's
// semantic conventions. Without tracing it is next itself.
func (t *Tracing) Store(next store.Store, system string) store.Store {
	if t == nil {
		return next
	}
	return &tracedStore{Store: next, tracer: t.Tracer(), system: system}
}

type tracedStore struct {
	store.Store

	tracer trace.Tracer
	system string
}

// Append implements [store.Appender].
func (s *tracedStore) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	ctx, end := s.begin(ctx, "append", len(events))
	outcomes, err := s.Store.Append(ctx, events)
	end(err)
	return outcomes, err
}

// Receive implements [store.Receiver].
func (s *tracedStore) Receive(ctx context.Context, deliveries []store.Delivery) (store.Received, error) {
	ctx, end := s.begin(ctx, "receive", len(deliveries))
	received, err := s.Store.Receive(ctx, deliveries)
	end(err)
	return received, err
}

// begin starts the span of a transaction; size is of what it is given.
func (s *tracedStore) begin(ctx context.Context, operation string, size int) (context.Context, func(error)) {
	ctx, span := s.tracer.Start(ctx, operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", s.system), attribute.String("db.operation.name", operation),
		attribute.Int("db.operation.batch.size", size),
	))
	return ctx, func(err error) {
		if err != nil { // the log has its text, which may name what nobody else should see
			span.SetStatus(codes.Error, "not stored")
		}
		span.End()
	}
}
