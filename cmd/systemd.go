package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/eventagg/eventagg/pkg/config"
)

// errExposed means that systemd opened a socket that http.addr would not be allowed to be.
var errExposed = errors.New("the socket of systemd can be reached from other machines, and there are no API keys " +
	"(set auth.keys_file, use ListenStream=127.0.0.1:8000, or set --insecure-no-auth)")

// inheritedSocket returns the socket of a socket unit of systemd (LISTEN_FDS), which
// stays open while serve restarts, or nil. The rule for http.addr holds for it, too.
func inheritedSocket(c config.Config) (net.Listener, error) {
	sockets, err := activation.Listeners()
	switch {
	case err != nil:
		return nil, fmt.Errorf("take the socket of systemd: %w", err)
	case len(sockets) == 0:
		return nil, nil
	case len(sockets) > 1:
		return nil, fmt.Errorf("systemd passed %d sockets: the socket unit must have one ListenStream=", len(sockets))
	}
	socket, ok := sockets[0].(*net.TCPListener)
	if !ok {
		return nil, errors.New("systemd passed a socket that is not TCP: the socket unit must have ListenStream=ADDRESS:PORT")
	}
	if c.Auth.KeysFile == "" && c.Auth.Keys == "" && !c.Auth.Insecure && c.TLS.ClientCA == "" && !isLoopback(socket.Addr().String()) {
		return nil, errors.Join(invalidSetting("http.addr", errExposed), socket.Close())
	}
	return socket, nil
}

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
