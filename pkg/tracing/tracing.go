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

// Options configure [Open]. The zero value traces nothing.
type Options struct {
	// Variable returns an environment variable, empty if it is not set. The SDK
	// itself reads more of them. Their names are in OpenTelemetry's "Environment
	// Variable Specification" and "OTLP Exporter Configuration".
	Variable func(name string) string
	// Version of the program.
	Version string
	// Logger gets a warning if spans can't be sent. The default discards it.
	Logger *slog.Logger
	// Exporter, if set, gets the spans instead of an OTLP endpoint. For tests.
	Exporter sdktrace.SpanExporter
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
	if o.Variable == nil {
		o.Variable = func(string) string { return "" }
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

// Tracing makes tracers. A nil Tracing makes none.
type Tracing struct {
	provider *sdktrace.TracerProvider
}

// Open starts tracing if the variables ask for it, and returns nil otherwise.
//
// They ask for it if OTEL_TRACES_EXPORTER is otlp, or if
// OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set. They
// don't if OTEL_SDK_DISABLED is true or OTEL_TRACES_EXPORTER is none. Open fails
// for an unknown exporter, an unknown protocol and an invalid endpoint.
func Open(ctx context.Context, options Options) (*Tracing, error) {
	options = options.WithDefaults()
	on, err := enabled(options.Variable)
	if err != nil || !on && options.Exporter == nil {
		return nil, err
	}
	exporter := options.Exporter
	if exporter == nil {
		if exporter, err = otlptracehttp.New(ctx); err != nil {
			return nil, fmt.Errorf("open trace exporter: %w", err)
		}
	}
	service, err := resource.New(
		ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithAttributes(attribute.String("service.name", "eventagg"), attribute.String("service.version", options.Version)),
		resource.WithFromEnv(), // last, so that the variables override the attributes above
	)
	if err != nil {
		return nil, fmt.Errorf("describe service for traces: %w", err)
	}
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&loggingExporter{SpanExporter: exporter, log: options.Logger}),
		sdktrace.WithResource(service),
	)
	return &Tracing{provider: provider}, nil
}

// enabled reports whether the variables ask for traces.
func enabled(variable func(string) string) (bool, error) {
	if strings.EqualFold(variable("OTEL_SDK_DISABLED"), "true") {
		return false, nil
	}
	const tracesEndpoint, anyEndpoint = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
	exporter := variable("OTEL_TRACES_EXPORTER")
	if exporter == "none" || exporter == "" && variable(tracesEndpoint) == "" && variable(anyEndpoint) == "" {
		return false, nil
	}
	if exporter != "" && exporter != "otlp" {
		return false, fmt.Errorf("invalid OTEL_TRACES_EXPORTER %q: expected otlp or none", exporter)
	}
	for _, name := range []string{"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"} {
		protocol := variable(name)
		if protocol != "" && protocol != "http/protobuf" {
			return false, fmt.Errorf("invalid %s %q: expected http/protobuf", name, protocol)
		}
		if protocol != "" {
			break // the variable for traces overrides the general one
		}
	}
	for _, name := range []string{tracesEndpoint, anyEndpoint} {
		if text := variable(name); text != "" && !validEndpoint(text) { // the SDK would send to localhost instead
			return false, fmt.Errorf("invalid %s: expected http://HOST:PORT or https://HOST:PORT", name) // not its value: it may hold a password
		}
	}
	return true, nil
}

func validEndpoint(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// Tracer returns the tracer that makes spans, or nil without tracing.
func (t *Tracing) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer("github.com/eventagg/eventagg")
}

// Close sends the remaining spans. It stops when ctx ends.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send last traces: %w", err)
	}
	return nil
}

// loggingExporter logs errors of the exporter. The SDK would write them to the
// standard error. The SDK drops spans that it can't send.
type loggingExporter struct {
	sdktrace.SpanExporter

	log *slog.Logger
}

// ExportSpans implements [sdktrace.SpanExporter].
func (e *loggingExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil {
		e.log.WarnContext(ctx, "traces not sent", slog.String("consequence", "their spans are lost, events are not affected"), slog.String("error", err.Error()))
	}
	return nil
}
