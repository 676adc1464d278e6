package cmd

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/terminal"
)

// watchLogLevel reads log.level again on SIGHUP, from all sources of the configuration,
// until the returned function is called. Other settings need a restart.
//
// On a terminal without a configuration file SIGHUP ends the process as usual, unless
// keys or certificates are watched, so that serve does not outlive its terminal.
func (a *app) watchLogLevel(ctx context.Context, level *slog.LevelVar, load func() (config.Config, error), log *slog.Logger) (stop func()) {
	if load == nil || a.configFile == "" && terminal.IsTerminal(a.errOut) {
		return func() {}
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case <-running.Done():
				return
			case <-hangup:
				reloadLogLevel(level, load, log)
			}
		}
	})
	return func() {
		signal.Stop(hangup)
		cancel()
		done.Wait()
	}
}

// reloadLogLevel changes the level if the configuration has another one. A configuration
// with a problem changes nothing.
func reloadLogLevel(level *slog.LevelVar, load func() (config.Config, error), log *slog.Logger) {
	c, err := load()
	if err != nil {
		log.Warn("log level not reloaded", slog.String("error", err.Error()), slog.String("consequence", "the previous level stays"))
		return
	}
	old := level.Level()
	if now := levelOf(c.Log); now != old {
		level.Set(min(now, old, slog.LevelInfo)) // so that the record is visible
		log.Info("log level changed", slog.String("from", old.String()), slog.String("to", now.String()))
		level.Set(now)
	}
}
