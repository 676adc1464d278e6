package tracing

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// fakeExporter returns err from each export.
type fakeExporter struct {
	sdktrace.SpanExporter

	err error
}

func (f *fakeExporter) ExportSpans(context.Context, []sdktrace.ReadOnlySpan) error { return f.err }

// hangingExporter hangs until its context ends.
type hangingExporter struct{ sdktrace.SpanExporter }

func (h *hangingExporter) ExportSpans(ctx context.Context, _ []sdktrace.ReadOnlySpan) error {
	<-ctx.Done()
	return ctx.Err()
}

func (h *hangingExporter) Shutdown(context.Context) error { return nil }

// TestTracing_ClosesWithinTwoSecondsOfHungCollector closes with and without spans
// and time left. An export in progress must not outlive Close for long.
func TestTracing_ClosesWithinTwoSecondsOfHungCollector(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name  string
		spans int
		ended bool // the context of Close
		took  time.Duration
	}{
		{"no spans", 0, false, 0},
		{"spans to send", 3, false, lastSpansTimeout},
		{"an export in progress and more spans", 2000, false, lastSpansTimeout},
		{"the shutdown took all its time", 3, true, lastSpansTimeout},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var lines bytes.Buffer
				exporter := &hangingExporter{}
				opened, err := Open(t.Context(), Options{Exporter: exporter, Logger: slog.New(slog.NewTextHandler(&lines, nil))})
				if err != nil {
					t.Fatal(err)
				}
				for range row.spans {
					_, span := opened.Tracer().Start(t.Context(), "span")
					span.End()
				}
				synctest.Wait()
				ctx, cancel := context.WithCancel(t.Context())
				if row.ended {
					cancel()
				}
				defer cancel()
				began := time.Now()
				if err := opened.Close(ctx); err != nil || time.Since(began) != row.took {
					t.Errorf("closed with %v after %v, want after %v", err, time.Since(began), row.took)
				}
				synctest.Wait()
				if got := strings.Count(lines.String(), "level=WARN"); got != min(row.spans, 1) || got == 1 && !strings.Contains(lines.String(), `msg="last traces not sent"`) {
					t.Errorf("logged\n%s", lines.String())
				}
			})
		})
	}
}

func TestLoggingExporter_LogsFailures(t *testing.T) {
	t.Parallel()
	var lines bytes.Buffer
	log := slog.New(slog.NewTextHandler(&lines, nil))
	for _, err := range []error{nil, errors.New("connection refused"), nil} {
		exporter := &loggingExporter{SpanExporter: &fakeExporter{err: err}, log: log, exports: t.Context()}
		if got := exporter.ExportSpans(t.Context(), nil); got != nil { // the SDK would write it to the standard error
			t.Errorf("got %v", got)
		}
	}
	if got := lines.String(); strings.Count(got, `msg="traces not sent"`) != 1 || !strings.Contains(got, `error="connection refused"`) {
		t.Errorf("logged\n%s", got)
	}
}
