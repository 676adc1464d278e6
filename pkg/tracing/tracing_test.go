package tracing_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/ingest"
	"github.com/eventagg/eventagg/pkg/server"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
	"github.com/eventagg/eventagg/pkg/tracing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheVariablesDecide(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name      string
		variables map[string]string
		on        bool
		fault     string
	}{
		{"nothing asks for traces", nil, false, ""},
		{"an endpoint does", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, true, ""},
		{"an endpoint for traces does", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}, true, ""},
		{"an exporter does", map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true, ""},
		{"none is none", map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, false, ""},
		{"disabled is disabled", map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, false, ""},
		{"disabled is disabled in capitals, too", map[string]string{"OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_EXPORTER": "otlp"}, false, ""},
		{"an endpoint that is no URL", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "::bad"}, false, "OTEL_EXPORTER_OTLP_ENDPOINT must be"},
		{"an endpoint without a scheme", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "127.0.0.1:4318"}, false, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT must be"},
		{"an exporter that is not built in", map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, false, "otlp and none"},
		{"a protocol that is not built in", map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, "http/protobuf"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			opened, err := tracing.Open(t.Context(), tracing.Options{Variable: func(name string) string { return row.variables[name] }})
			if row.fault != "" {
				if err == nil || !strings.Contains(err.Error(), row.fault) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil || (opened != nil) != row.on || (opened.Tracer() != nil) != row.on {
				t.Errorf("on is %t, %v", opened != nil, err)
			}
			if err := opened.Close(t.Context()); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// kept is an exporter that keeps the spans after its end, too.
type kept struct{ spans tracetest.SpanStubs }

func (k *kept) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	k.spans = append(k.spans, tracetest.SpanStubsFromReadOnlySpans(spans)...)
	return nil
}

func (k *kept) Shutdown(context.Context) error { return nil }

// named are the spans of a name.
func (k *kept) named(name string) tracetest.SpanStubs {
	return slices.DeleteFunc(slices.Clone(k.spans), func(s tracetest.SpanStub) bool { return s.Name != name })
}

// TestARequestIsFollowedToItsCommit publishes through server, group commit and
// SQLite, and looks at what an exporter gets.
func TestARequestIsFollowedToItsCommit(t *testing.T) {
	t.Parallel()
	exporter := &kept{}
	traced, err := tracing.Open(t.Context(), tracing.Options{Version: "v1", Exporter: exporter})
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/events.db"
	if _, err := sqlite.Migrate(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	opened, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	events := traced.Store(opened, "sqlite")
	commit := ingest.New(events, ingest.Options{Tracer: traced.Tracer()})
	s := server.New(server.Options{Appender: commit, Store: events, Tracer: traced.Tracer()})

	const parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	publish := func(body string) int {
		request := httptest.NewRequest(http.MethodPost, "/publish", strings.NewReader(body))
		request.Header.Set("Traceparent", parent)
		answer := httptest.NewRecorder()
		s.Handler().ServeHTTP(answer, request)
		return answer.Code
	}
	if got := publish(`{"topic":"t","event_id":"1","timestamp":"2025-12-19","source":"s","payload":{}}`); got != http.StatusOK {
		t.Errorf("answered %d", got)
	}
	if got := publish(`{}`); got != http.StatusUnprocessableEntity {
		t.Errorf("answered %d", got)
	}
	if err := errors.Join(commit.Close(t.Context()), events.Close(), traced.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	requests, commits, appends := exporter.named("POST /publish"), exporter.named("group commit"), exporter.named("append")
	if len(requests) != 2 || len(commits) != 1 || len(appends) != 1 {
		t.Fatalf("%d requests, %d commits, %d appends", len(requests), len(commits), len(appends))
	}
	if got := requests[0]; got.Parent.TraceID().String() != parent[3:35] || got.SpanKind != trace.SpanKindServer {
		t.Errorf("the request's span is %+v", got)
	}
	if links := commits[0].Links; len(links) != 1 || links[0].SpanContext.SpanID() != requests[0].SpanContext.SpanID() {
		t.Errorf("the commit's links are %+v", links)
	}
	if appends[0].Parent.SpanID() != commits[0].SpanContext.SpanID() {
		t.Error("the transaction is not below the commit")
	}
	if !strings.Contains(requests[0].Resource.String(), "service.name=eventagg,service.version=v1") {
		t.Errorf("the service is %s", requests[0].Resource)
	}
}

// brittle is a store that always fails.
type brittle struct{ store.Store }

var errBroken = errors.New("broken at 10.0.0.1")

func (b *brittle) Append(context.Context, []event.Event) ([]event.Outcome, error) {
	return nil, errBroken
}

func (b *brittle) Receive(context.Context, []store.Delivery) (store.Received, error) {
	return store.Received{}, errBroken
}

func TestSpansOfFailuresHideTheirText(t *testing.T) {
	t.Parallel()
	exporter := &kept{}
	traced, err := tracing.Open(t.Context(), tracing.Options{Exporter: exporter})
	if err != nil {
		t.Fatal(err)
	}
	failing := traced.Store(&brittle{}, "postgresql")
	_, errAppend := failing.Append(t.Context(), nil)
	_, errReceive := failing.Receive(t.Context(), nil)
	if !errors.Is(errAppend, errBroken) || !errors.Is(errReceive, errBroken) {
		t.Errorf("got %v, %v", errAppend, errReceive)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := traced.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if len(exporter.spans) != 2 {
		t.Fatalf("%d spans", len(exporter.spans))
	}
	for _, span := range exporter.spans {
		if span.Status.Description != "not stored" || len(span.Events) > 0 {
			t.Errorf("span %s says %+v", span.Name, span)
		}
	}
}

func TestWithoutTracingNothingIsWrapped(t *testing.T) {
	t.Parallel()
	next := &brittle{}
	if got := (*tracing.Tracing)(nil).Store(next, "sqlite"); got != store.Store(next) {
		t.Errorf("got %T", got)
	}
}
