package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// Options say where traces come from. The zero value traces nothing.
type Options struct {
	// Variable returns an environment variable, empty where it is not set. The
	// SDK reads more of them by itself: OpenTelemetry's "Environment Variable
	// Specification" and "OTLP Exporter Configuration" have the names.
	Variable func(name string) string
	// Version is the program's.
	Version string
	// Logger hears once when traces can't be sent, and once when they can be
	// again. Default nobody.
	Logger *slog.Logger
	// Exporter takes the spans instead of the one that the variables name. For
	// tests.
	Exporter sdktrace.SpanExporter
}

// Tracing makes tracers. A nil one makes none.
type Tracing struct {
	provider *sdktrace.TracerProvider
}

// Open starts tracing where the variables ask for it, and otherwise returns nil:
// they do with OTEL_TRACES_EXPORTER=otlp, or with an OTEL_EXPORTER_OTLP_ENDPOINT
// or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, unless OTEL_SDK_DISABLED is true or the
// exporter is none. An exporter or a protocol that is not built in is an error, and
// so is an endpoint that is no URL.
func Open(ctx context.Context, options Options) (*Tracing, error) {
	wanted, err := wants(options.Variable)
	if err != nil || !wanted && options.Exporter == nil {
		return nil, err
	}
	exporter := options.Exporter
	if exporter == nil {
		if exporter, err = otlptracehttp.New(ctx); err != nil {
			return nil, fmt.Errorf("open the exporter of traces: %w", err)
		}
	}
	described, err := resource.New(
		ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithAttributes(attribute.String("service.name", "eventagg"), attribute.String("service.version", options.Version)),
		resource.WithFromEnv(), // the last one counts
	)
	if err != nil {
		return nil, fmt.Errorf("describe this service for traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&told{SpanExporter: exporter, log: options.Logger}),
		sdktrace.WithResource(described),
	)
	return &Tracing{provider: provider}, nil
}

// wants reports whether the variables ask for traces.
func wants(variable func(string) string) (bool, error) {
	if variable == nil || strings.EqualFold(variable("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	first := func(names ...string) string {
		for _, name := range names {
			if value := variable(name); value != "" {
				return value
			}
		}
		return ""
	}
	exporter := variable("OTEL_TRACES_EXPORTER")
	if exporter == "none" || exporter == "" && first("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		return false, nil
	}
	if exporter != "" && exporter != "otlp" {
		return false, fmt.Errorf("OTEL_TRACES_EXPORTER is %q; this program has otlp and none", exporter)
	}
	if protocol := first("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"); protocol != "" && protocol != "http/protobuf" {
		return false, fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q; this program has http/protobuf", protocol)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"} {
		if text := variable(name); text != "" && !isEndpoint(text) { // the SDK would send to localhost instead
			return false, fmt.Errorf("%s must be http://HOST:PORT or https://HOST:PORT", name) // it may hold a password
		}
	}
	return true, nil
}

func isEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// Tracer is what makes spans, nil for none.
func (t *Tracing) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer("github.com/eventagg/eventagg")
}

// Close sends what has not been sent yet, as long as ctx allows.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

// told is an exporter whose failures are logged when they begin and when they
// end, and not by each batch; the spans are lost either way.
type told struct {
	sdktrace.SpanExporter

	log     *slog.Logger
	failing bool // the SDK exports one batch at a time
}

// ExportSpans implements [sdktrace.SpanExporter].
func (t *told) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := t.SpanExporter.ExportSpans(ctx, spans)
	failing := err != nil
	if failing == t.failing || t.log == nil {
		return nil
	}
	t.failing = failing
	if failing {
		t.log.WarnContext(ctx, "traces can't be sent and are lost", slog.String("error", err.Error()))
	} else {
		t.log.InfoContext(ctx, "traces are sent again")
	}
	return nil
}
