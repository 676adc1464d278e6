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

// failing is an exporter that answers what it is told to.
type failing struct {
	sdktrace.SpanExporter

	err error
}

func (f *failing) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return f.err }

func TestLostTracesAreToldOnce(t *testing.T) {
	t.Parallel()
	exporter, lines := &failing{}, &bytes.Buffer{}
	exporting := &told{SpanExporter: exporter, log: slog.New(slog.NewTextHandler(lines, nil))}
	for _, err := range []error{nil, errors.New("away"), errors.New("away"), nil, nil, errors.New("away")} {
		exporter.err = err
		if got := exporting.ExportSpans(t.Context(), nil); got != nil { // the SDK would log it each time
			t.Errorf("got %v", got)
		}
	}
	if lost, again := strings.Count(lines.String(), "are lost"), strings.Count(lines.String(), "sent again"); lost != 2 || again != 1 {
		t.Errorf("the log has\n%s", lines)
	}
}
