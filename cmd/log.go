package cmd

import (
	"io"
	"log/slog"

	"github.com/eventagg/eventagg/pkg/config"
)

// newLogger returns the logger that log.level and log.format ask for.
func newLogger(w io.Writer, log config.Log) *slog.Logger {
	levels := map[string]slog.Level{
		"debug": slog.LevelDebug, "info": slog.LevelInfo,
		"warn": slog.LevelWarn, "error": slog.LevelError,
	}
	options := &slog.HandlerOptions{Level: levels[log.Level]}
	if log.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
