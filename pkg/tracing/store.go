package tracing

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// Store returns a store that makes a span of each append: one transaction, from
// its statement to its COMMIT. system is the name of the database in
// OpenTelemetry's semantic conventions. Without tracing it returns next.
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
	ctx, end := s.start(ctx, "append", len(events))
	outcomes, err := s.Store.Append(ctx, events)
	end(err)
	return outcomes, err
}

// Receive implements [store.Receiver].
func (s *tracedStore) Receive(ctx context.Context, deliveries []store.Delivery) (store.Received, error) {
	ctx, end := s.start(ctx, "receive", len(deliveries))
	received, err := s.Store.Receive(ctx, deliveries)
	end(err)
	return received, err
}

// start starts the span of a transaction with size events, and returns the
// function that ends it.
func (s *tracedStore) start(ctx context.Context, operation string, size int) (context.Context, func(error)) {
	ctx, span := s.tracer.Start(ctx, operation, trace.WithSpanKind(trace.SpanKindClient), trace.WithAttributes(
		attribute.String("db.system.name", s.system), attribute.String("db.operation.name", operation),
		attribute.Int("db.operation.batch.size", size),
	))
	return ctx, func(err error) {
		if err != nil { // not its text, which may hold addresses; the log has it
			span.SetStatus(codes.Error, "not stored")
		}
		span.End()
	}
}
