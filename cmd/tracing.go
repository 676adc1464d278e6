package cmd

import (
	"context"
	"log/slog"
	"os"

	"github.com/eventagg/eventagg/pkg/tracing"
)

// openTracing starts tracing if the variables of OpenTelemetry ask for it. It runs
// before everything that makes spans is opened, so that it is closed after it and
// sends the last spans.
func (s *service) openTracing(ctx context.Context, version string, log *slog.Logger) (*tracing.Tracing, error) {
	traces, err := tracing.Open(ctx, tracing.Options{
		Variable: os.Getenv, //nolint:forbidigo // variables of OpenTelemetry, not settings of this program
		Version:  version, Logger: log,
	})
	if err != nil {
		return nil, withHint(err, "See 'eventagg help configuration'; without OTEL_ variables no traces are sent.")
	}
	s.open.push("traces", traces.Close)
	return traces, nil
}
