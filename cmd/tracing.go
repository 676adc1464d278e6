package cmd

import (
	"context"
	"log/slog"
	"os"

	"github.com/eventagg/eventagg/pkg/tracing"
)

// openTracing starts tracing where the variables of OpenTelemetry ask for it, and
// sees to it that the spans of whatever is opened later are sent before the end.
func (s *service) openTracing(ctx context.Context, version string, log *slog.Logger) (*tracing.Tracing, error) {
	traces, err := tracing.Open(ctx, tracing.Options{
		Variable: os.Getenv, //nolint:forbidigo // OpenTelemetry's own names, which are no settings of this program
		Version:  version, Logger: log,
	})
	if err != nil {
		return nil, withHint(err, "See 'eventagg help configuration'; without OTEL_ variables no traces are sent.")
	}
	s.open.push("traces", traces.Close)
	return traces, nil
}
