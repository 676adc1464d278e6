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
	return newLeveledLogger(w, log, levelOf(log))
}

// levelOf returns the minimum level of the configuration.
func levelOf(log config.Log) slog.Level {
	return map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo,
		"warn": slog.LevelWarn, "error": slog.LevelError,
	}[log.Level]
}

// newLeveledLogger is newLogger with a level that can change while it is in use.
func newLeveledLogger(w io.Writer, log config.Log, level slog.Leveler) (*slog.Logger, func()) {
	options := &slog.HandlerOptions{Level: level}
	var output slog.Handler = slog.NewTextHandler(w, options)
	if log.Format == "json" {
		output = slog.NewJSONHandler(w, options)
	}
	sampled := sampling.New(output, sampling.Options{})
	return slog.New(sampled), sampled.Close
}
