package cmd

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// notifySystemd reports to systemd that serve is ready, and when ctx ends that it stops.
// If the unit has WatchdogSec, it sends watchdog messages until the returned function is
// called. Without systemd (no NOTIFY_SOCKET) it does nothing.
func notifySystemd(ctx context.Context, log *slog.Logger) (stop func()) {
	supported, err := daemon.SdNotify(false, daemon.SdNotifyReady)
	if err != nil {
		log.WarnContext(ctx, "systemd not notified", slog.String("error", err.Error()), slog.String("consequence", "with Type=notify systemd stops the service"))
	}
	if !supported {
		return func() {}
	}
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var done sync.WaitGroup
	done.Go(func() {
		select {
		case <-ctx.Done():
			_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
		case <-running.Done():
		}
	})
	if timeout, err := daemon.SdWatchdogEnabled(false); err == nil && timeout > 0 {
		done.Go(func() { feedWatchdog(running, timeout/2) }) //nolint:mnd // systemd advises half of the time
	}
	return func() {
		cancel()
		done.Wait()
	}
}

// feedWatchdog sends signs of life until ctx ends.
func feedWatchdog(ctx context.Context, interval time.Duration) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			_, _ = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
		}
	}
}
