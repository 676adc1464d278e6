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

func TestOpen_ReadsVariables(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name      string
		variables map[string]string
		on        bool
		problem   string
	}{
		{"no variables", nil, false, ""},
		{"an endpoint", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, true, ""},
		{"an endpoint for traces", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1"}, true, ""},
		{"an exporter", map[string]string{"OTEL_TRACES_EXPORTER": "otlp"}, true, ""},
		{"the exporter none", map[string]string{"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, false, ""},
		{"disabled", map[string]string{"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}, false, ""},
		{"disabled in capitals", map[string]string{"OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_EXPORTER": "otlp"}, false, ""},
		{"an invalid URL", map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "::bad"}, false, "invalid OTEL_EXPORTER_OTLP_ENDPOINT: "},
		{"a URL without a scheme", map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "127.0.0.1:4318"}, false, "invalid OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "},
		{"an unknown exporter", map[string]string{"OTEL_TRACES_EXPORTER": "zipkin"}, false, "otlp or none"},
		{"an unknown protocol", map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, false, `invalid OTEL_EXPORTER_OTLP_PROTOCOL "grpc"`},
		{"an unknown protocol for traces", map[string]string{"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, false, `invalid OTEL_EXPORTER_OTLP_TRACES_PROTOCOL "grpc"`},
		{"the protocol for traces overrides the general one", map[string]string{
			"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
		}, true, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			opened, err := tracing.Open(t.Context(), tracing.Options{Variable: func(name string) string { return row.variables[name] }})
			if row.problem != "" {
				if err == nil || !strings.Contains(err.Error(), row.problem) {
					t.Errorf("got %v, want %q in it", err, row.problem)
				}
				return
			}
			if err != nil || (opened != nil) != row.on || (opened.Tracer() != nil) != row.on {
				t.Errorf("got on %t, %v, want on %t", opened != nil, err, row.on)
			}
			if err := opened.Close(t.Context()); err != nil {
				t.Errorf("close: %v", err)
			}
		})
	}
}

// recorder is an exporter that keeps the spans after Shutdown.
type recorder struct{ spans tracetest.SpanStubs }

func (r *recorder) ExportSpans(_ context.Context, spans []sdktrace.ReadOnlySpan) error {
	r.spans = append(r.spans, tracetest.SpanStubsFromReadOnlySpans(spans)...)
	return nil
}

func (r *recorder) Shutdown(context.Context) error { return nil }

// named returns the spans with a name.
func (r *recorder) named(name string) tracetest.SpanStubs {
	return slices.DeleteFunc(slices.Clone(r.spans), func(s tracetest.SpanStub) bool { return s.Name != name })
}

// TestTracing_FollowsRequestToCommit publishes through server, group commit and
// SQLite, and checks the spans that an exporter gets.
func TestTracing_FollowsRequestToCommit(t *testing.T) {
	t.Parallel()
	exporter := &recorder{}
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
		request.Host = "localhost"
		request.Header.Set("Traceparent", parent)
		response := httptest.NewRecorder()
		s.Handler().ServeHTTP(response, request)
		return response.Code
	}
	if got := publish(`{"topic":"t","event_id":"1","timestamp":"2025-12-19","source":"s","payload":{}}`); got != http.StatusOK {
		t.Errorf("got status %d", got)
	}
	if got := publish(`{}`); got != http.StatusUnprocessableEntity {
		t.Errorf("got status %d", got)
	}
	if err := errors.Join(commit.Close(t.Context()), events.Close(), traced.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	requests, commits, appends := exporter.named("POST /publish"), exporter.named("group commit"), exporter.named("append")
	if len(requests) != 2 || len(commits) != 1 || len(appends) != 1 {
		t.Fatalf("got %d requests, %d commits, %d appends", len(requests), len(commits), len(appends))
	}
	if got := requests[0]; got.Parent.TraceID().String() != parent[3:35] || got.SpanKind != trace.SpanKindServer {
		t.Errorf("span of the request: %+v", got)
	}
	if links := commits[0].Links; len(links) != 1 || links[0].SpanContext.SpanID() != requests[0].SpanContext.SpanID() {
		t.Errorf("links of the commit: %+v", links)
	}
	if appends[0].Parent.SpanID() != commits[0].SpanContext.SpanID() {
		t.Error("the span of the transaction is not a child of the commit")
	}
	if !strings.Contains(requests[0].Resource.String(), "service.name=eventagg,service.version=v1") {
		t.Errorf("service: %s", requests[0].Resource)
	}
}

// TestTracing_NamesSpansByKnownMethods sends a method of the client's own
// invention: it must not become the name of a span.
func TestTracing_NamesSpansByKnownMethods(t *testing.T) {
	t.Parallel()
	exporter := &recorder{}
	traced, err := tracing.Open(t.Context(), tracing.Options{Exporter: exporter})
	if err != nil {
		t.Fatal(err)
	}
	s := server.New(server.Options{Appender: &failingStore{}, Store: &failingStore{}, Tracer: traced.Tracer()})
	for _, method := range []string{http.MethodGet, "BREW"} {
		s.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(method, "http://localhost/healthz", http.NoBody))
	}
	if err := traced.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, span := range exporter.spans {
		text := span.Name
		for _, a := range span.Attributes {
			if strings.HasPrefix(string(a.Key), "http.request.method") {
				text += " " + string(a.Key) + "=" + a.Value.AsString()
			}
		}
		got = append(got, text)
	}
	want := []string{
		"GET /healthz http.request.method=GET",
		"HTTP /healthz http.request.method=_OTHER http.request.method_original=BREW",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got spans %q, want %q", got, want)
	}
}

// failingStore fails each call.
type failingStore struct{ store.Store }

var errRefused = errors.New("connection to 10.0.0.1 refused")

func (*failingStore) Append(context.Context, []event.Event) ([]event.Outcome, error) {
	return nil, errRefused
}

func (*failingStore) Receive(context.Context, []store.Delivery) (store.Received, error) {
	return store.Received{}, errRefused
}

func TestStore_HidesErrorText(t *testing.T) {
	t.Parallel()
	exporter := &recorder{}
	traced, err := tracing.Open(t.Context(), tracing.Options{Exporter: exporter})
	if err != nil {
		t.Fatal(err)
	}
	failing := traced.Store(&failingStore{}, "postgresql")
	_, errAppend := failing.Append(t.Context(), nil)
	_, errReceive := failing.Receive(t.Context(), nil)
	if !errors.Is(errAppend, errRefused) || !errors.Is(errReceive, errRefused) {
		t.Errorf("got %v, %v", errAppend, errReceive)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := traced.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if len(exporter.spans) != 2 {
		t.Fatalf("got %d spans", len(exporter.spans))
	}
	for _, span := range exporter.spans {
		if span.Status.Description != "not stored" || len(span.Events) > 0 {
			t.Errorf("span %s: %+v", span.Name, span)
		}
	}
}

func TestStore_WithoutTracing(t *testing.T) {
	t.Parallel()
	next := &failingStore{}
	if got := (*tracing.Tracing)(nil).Store(next, "sqlite"); got != store.Store(next) {
		t.Errorf("got %T", got)
	}
}
