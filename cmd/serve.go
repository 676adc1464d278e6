package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/spf13/cobra"
	"go.opentelemetry.io/otel/trace"

	"github.com/eventagg/eventagg/pkg/certs"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/ingest"
	"github.com/eventagg/eventagg/pkg/metrics"
	"github.com/eventagg/eventagg/pkg/server"
	"github.com/eventagg/eventagg/pkg/store"
)

const serveLong = `Receives events over HTTP and stores each exactly once. Without configuration it
listens on 127.0.0.1:8000 and stores in eventagg.db, an SQLite database in the current
folder.

On SIGTERM or Ctrl-C it fails its readiness check, finishes every accepted request and
exits with 0. Behind a load balancer set --http-drain-delay 3s: in this time it still
accepts requests. The same signal again within a second is the same request. A later
signal ends the process at once, with 143 or 130; events with the response success are
stored even then.

Sizes are bytes, or have a unit: 16MiB, 16MB, 1.5GiB.`

const serveExample = `  eventagg serve
  eventagg serve --http-addr 127.0.0.1:9000 --database-url sqlite:/var/lib/eventagg/events.db
  eventagg serve --http-addr :8000 --auth-keys-file keys.yaml
  EVENTAGG_DATABASE_URL=postgres://eventagg@db/eventagg eventagg serve --log-format json`

// serveOptions are the options of `eventagg serve`.
type serveOptions struct {
	unchecked

	config config.Config
	// load reads the configuration again; nil: it never changes.
	load func() (config.Config, error)
}

func (o *serveOptions) configure(c config.Config) { o.config = c }

// newServeCmd builds `eventagg serve`; see [build] for runF.
func (a *app) newServeCmd(runF func(context.Context, serveOptions) error) *cobra.Command {
	var opts serveOptions
	cmd := &cobra.Command{
		Use:     "serve",
		Short:   "Receive events over HTTP and store them",
		Long:    serveLong,
		Example: serveExample,
	}
	opts.load = func() (config.Config, error) { return a.config(cmd) }
	config.AddFlags(cmd.Flags(), "http", "auth", "tls", "database", "ingest", "duplicates", "retention", "broker", "limits", "log")
	return build(a, cmd, &opts, runF, a.runServe)
}

// runServe serves until ctx ends, and then returns errServed.
func (a *app) runServe(ctx context.Context, opts serveOptions) error {
	ignoreBrokenPipe()
	level := new(slog.LevelVar)
	level.Set(levelOf(opts.config.Log))
	log, flush := newLeveledLogger(a.errOut, opts.config.Log, level)
	defer flush()
	defer a.watchLogLevel(ctx, level, opts.load, log)()
	limitMemory(opts.config)
	service, err := a.openService(ctx, opts, log)
	switch {
	case errors.Is(err, context.Canceled): // stopped before it was open
		return errServed
	case err != nil: // an error is reported even if a signal arrived meanwhile
		return err
	}
	a.reportStart(service, opts.config, log)
	defer reportGuarantee(ctx, opts.config, log)()
	defer notifySystemd(ctx, log)()
	err = service.run(ctx, opts.config.HTTP.DrainDelay, log)
	log.InfoContext(ctx, "stopping", slog.String("grace", opts.config.HTTP.ShutdownTimeout.String()))
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), opts.config.HTTP.ShutdownTimeout)
	defer cancel()
	if err := errors.Join(err, service.open.unwind(ending)); err != nil {
		return err
	}
	log.InfoContext(ctx, "stopped")
	return errServed
}

// service is an open server with everything below it.
type service struct {
	listener net.Listener
	server   *server.Server
	database database
	tracer   trace.Tracer // nil for none
	metrics  *metrics.Metrics
	// certificates are those of the port; nil for plain HTTP.
	certificates *certs.Server
	// keys are the API keys; nil: there are none.
	keys *keyring
	open stack
}

// openService opens, from bottom to top:
//
//	listener ══▶ server ──Append──▶ ingest ──Append──▶ store ──▶ PostgreSQL or SQLite
//	                └──────────Stats, Events─────────────┘
//
// Keys and certificates come first. Then comes the port: a second server that is started
// by mistake fails there, before it touches the database. Then come store, group commit
// and HTTP server. They are closed in reverse order, so that each has what it needs until
// it is closed.
func (a *app) openService(ctx context.Context, opts serveOptions, log *slog.Logger) (_ *service, err error) {
	c := opts.config
	s := &service{database: newDatabase(c.Database), metrics: metrics.New(metrics.Options{Version: a.version})}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.open.unwind(context.WithoutCancel(ctx)))
		}
	}()
	if err := s.openFiles(ctx, c, log); err != nil {
		return nil, err
	}
	if s.listener, err = openListener(ctx, c); err != nil {
		return nil, err
	}
	s.open.push("listener", func(context.Context) error { return closeListener(s.listener) })
	summarize := s.openSummary(ctx, log)
	opened, err := s.openDatabase(ctx, opts, log)
	if err != nil {
		return nil, err
	}
	s.open.push("database", func(context.Context) error { return opened.Close() })
	traces, err := s.openTracing(ctx, a.version, log)
	if err != nil {
		return nil, err
	}
	s.tracer = traces.Tracer()
	events, committed := store.NotifyOnCommit(traces.Store(opened, s.database.system()))
	routes, err := s.openRoutes(ctx, c, events, log)
	if err != nil {
		return nil, err
	}
	routes.limitTopics(c.Ingest.MaxTopics, events, log)
	options := s.serverOptions(c, routes, events, log)
	options.Committed, options.Version = committed, a.version
	s.server = server.New(options)
	s.open.push("HTTP server", func(ctx context.Context) error {
		return explainShutdown(s.server.Shutdown(ctx), c.HTTP.ShutdownTimeout)
	})
	s.watch(opened, routes)
	s.openRetention(ctx, c, opened, log)
	summarize(routes.queue)
	return s, nil
}

// explainShutdown adds a hint to the timeout of the HTTP server. The layers below have
// other timeouts, for which the hint would be wrong.
func explainShutdown(err error, grace time.Duration) error {
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return withHint(err, "Some requests were not finished within http.shutdown_timeout (%s). "+
		"They got no response, so their senders retry them.", grace)
}

// limitMemory makes the garbage collector work harder when the heap comes near the sum
// of the configured limits. Without it the heap may grow to twice the memory in use.
// GOMEMLIMIT overrides it.
func limitMemory(c config.Config) {
	const base = 50 << 20                          // event streams, connections, statements, the program itself
	if debug.SetMemoryLimit(-1) == math.MaxInt64 { // -1 reads the limit; MaxInt64 means that none is set
		waiting := int64(c.Ingest.MaxPendingBytes)
		if c.Broker.URL != "" {
			waiting += waiting/queueMemoryDivisor + int64(workersOf(c))*deliveredBytes
		}
		debug.SetMemoryLimit(base + c.HTTP.MaxBufferedBytes + c.HTTP.MaxReadBytes + waiting)
	}
}

// deliveredBytes is the approximate memory for queued events in a worker.
const deliveredBytes = 16 << 20

func ingestOptions(c config.Ingest, log *slog.Logger) ingest.Options {
	return ingest.Options{
		Writers: c.Writers, MaxBatch: c.MaxBatch, MaxPending: c.MaxPending,
		MaxPendingBytes: c.MaxPendingBytes, FlushTimeout: c.FlushTimeout, Logger: log,
	}
}

// run serves until ctx ends or the server fails; only the latter is an error. When ctx
// ends, the server fails its readiness check and still serves for the delay, because a
// load balancer sends requests until its next health check.
func (s *service) run(ctx context.Context, delay time.Duration, log *slog.Logger) error {
	failed := make(chan error, 1)
	go func() { failed <- s.server.Serve(s.listener) }() //nolint:contextcheck // it ends with Shutdown, which finishes accepted requests
	const byItself = "server failed: %w"
	select {
	case err := <-failed:
		return fmt.Errorf(byItself, err)
	case <-ctx.Done():
	}
	s.server.Drain()
	log.InfoContext(ctx, "no longer ready", slog.String("cause", context.Cause(ctx).Error()), slog.String("delay", delay.String()))
	select {
	case err := <-failed:
		return fmt.Errorf(byItself, err)
	case <-time.After(delay):
		return nil
	}
}

// openListener takes the socket that systemd has opened, or listens at http.addr.
func openListener(ctx context.Context, c config.Config) (net.Listener, error) {
	socket, err := inheritedSocket(c)
	if err != nil || socket != nil {
		return socket, err
	}
	return listen(ctx, c.HTTP.Addr)
}

func listen(ctx context.Context, addr string) (net.Listener, error) {
	var options net.ListenConfig
	listener, err := options.Listen(ctx, "tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, withHint(fmt.Errorf("address %s is in use", addr),
			"Another program listens there, perhaps another 'eventagg serve'. Stop it, or use another address: --http-addr 127.0.0.1:8001")
	case errors.Is(err, syscall.EACCES):
		return nil, withHint(fmt.Errorf("not allowed to listen on %s", addr),
			"Ports below 1024 need privileges. Use another address: --http-addr 127.0.0.1:8000")
	case err != nil:
		return nil, withHint(fmt.Errorf("listen: %w", err), "Check http.addr (--http-addr).")
	}
	return listener, nil
}

// closeListener closes a listener, unless the HTTP server has closed it.
func closeListener(listener net.Listener) error {
	if err := listener.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
