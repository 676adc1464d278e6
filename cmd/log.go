package cmd

import (
	"io"
	"log/slog"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/sampling"
)

// newLogger returns a logger with the level and format of the configuration. It
// samples floods of equal records. The function returned writes what it holds
// back and must be called at the end.
func newLogger(w io.Writer, log config.Log) (*slog.Logger, func()) {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo,
		"warn": slog.LevelWarn, "error": slog.LevelError,
	}
	options := &slog.HandlerOptions{Level: levels[log.Level]}
	var output slog.Handler = slog.NewTextHandler(w, options)
	if log.Format == "json" {
		output = slog.NewJSONHandler(w, options)
	}
	sampled := sampling.New(output, sampling.Options{})
	return slog.New(sampled), sampled.Close
}
