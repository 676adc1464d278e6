package tracing

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

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
	log      *slog.Logger
	// endExports ends the exports in progress.
	endExports context.CancelFunc
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
	exports, endExports := context.WithCancel(context.WithoutCancel(ctx))
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(&loggingExporter{SpanExporter: exporter, log: options.Logger, exports: exports}),
		sdktrace.WithResource(service),
	)
	return &Tracing{provider: provider, log: options.Logger, endExports: endExports}, nil
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

// lastSpansTimeout is the maximum time to send the last spans.
const lastSpansTimeout = 2 * time.Second

// Close sends the remaining spans, for at most 2 seconds. Spans are not worth a
// longer or a failed shutdown, so Close logs a warning if it can't send them, and
// returns nil. It also takes the time if ctx has ended.
func (t *Tracing) Close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastSpansTimeout)
	defer cancel()
	defer context.AfterFunc(ctx, t.endExports)()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.log.WarnContext(ctx, "last traces not sent", slog.String("consequence", "their spans are lost, events are not affected"),
			slog.String("timeout", lastSpansTimeout.String()), slog.String("error", err.Error()))
	}
	t.endExports()
	return nil
}

// loggingExporter logs errors of the exporter. The SDK would write them to the
// standard error. The SDK drops spans that it can't send.
type loggingExporter struct {
	sdktrace.SpanExporter

	log     *slog.Logger
	exports context.Context // ends the exports in progress when it ends
}

// ExportSpans implements [sdktrace.SpanExporter].
func (e *loggingExporter) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(e.exports, cancel)() //nolint:contextcheck // it watches a second context
	if err := e.SpanExporter.ExportSpans(ctx, spans); err != nil && e.exports.Err() == nil {
		e.log.WarnContext(ctx, "traces not sent", slog.String("consequence", "their spans are lost, events are not affected"), slog.String("error", err.Error()))
	}
	return nil
}
