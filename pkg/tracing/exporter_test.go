package tracing

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// fakeExporter returns err from each export.
type fakeExporter struct {
	sdktrace.SpanExporter

	err error
}

func (f *fakeExporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return f.err }

func TestLoggingExporter_LogsFailures(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	log := slog.New(slog.NewTextHandler(&lines, nil))
	for _, err := range []error{nil, errors.New("connection refused"), nil} {
		exporter := &loggingExporter{SpanExporter: &fakeExporter{err: err}, log: log}
		if got := exporter.ExportSpans(t.Context(), nil); got != nil { // the SDK would write it to the standard error
			t.Errorf("got %v", got)
		}
	}
	if got := lines.String(); strings.Count(got, `msg="traces not sent"`) != 1 || !strings.Contains(got, `error="connection refused"`) {
		t.Errorf("logged\n%s", got)
	}
}
