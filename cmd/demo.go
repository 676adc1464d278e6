package cmd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
)

const demoLong = `Shows all of eventagg in one process, and leaves nothing behind: starts a server
with a temporary database, publishes 20,000 events of which 30 % repeat an
earlier one, asks back every event to prove that each is stored exactly once,
and prints the counters and the last events.`

// demoOptions is what the arguments of `eventagg demo` say.
type demoOptions struct {
	config config.Config
	format outputFormat
	count  int64
	// keep leaves the server running after the show.
	keep bool
}

// What the demo publishes where nothing else is said, and how.
const (
	demoDupRate     = 0.3
	demoConcurrency = 64
	demoTail        = 5
	demoWait        = 10 * time.Second
)

// newDemoCmd builds `eventagg demo`. runF replaces what it does; nil is the
// real thing.
func (a *app) newDemoCmd(runF func(context.Context, demoOptions) error) *cobra.Command {
	var opts demoOptions
	if runF == nil {
		runF = a.runDemo
	}
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "See it work: serve, publish, verify, in one process",
		Long:    demoLong,
		Example: "  eventagg demo\n  eventagg demo --keep      # leave the server running, to try it by hand",
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.count < 1 || opts.count > 100_000_000 {
				return &usageError{err: fmt.Errorf("--count must be between 1 and 100,000,000, is %d", opts.count), hint: helpHint(cmd)}
			}
			var err error
			if opts.config, err = a.config(cmd); err != nil {
				return err
			}
			return runF(cmd.Context(), opts)
		},
	}
	cmd.Flags().Int64Var(&opts.count, "count", defaultCount, "events to publish, 30 % of them repeats")
	cmd.Flags().BoolVar(&opts.keep, "keep", false, "leave the server running until Ctrl-C")
	opts.format.addFlag(cmd)
	return cmd
}

// runDemo serves from a temporary folder, shows what the other commands would
// show of that server, and removes the folder.
func (a *app) runDemo(ctx context.Context, opts demoOptions) error {
	var open stack
	err := a.demo(ctx, opts, &open)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), opts.config.HTTP.ShutdownTimeout)
	defer cancel()
	if err := errors.Join(err, open.unwind(ending)); err != nil {
		return err
	}
	if opts.keep {
		return errServed // Ctrl-C was how it was meant to end
	}
	return nil
}

// demo is runDemo but for closing what it pushes on open.
func (a *app) demo(ctx context.Context, opts demoOptions, open *stack) error {
	folder, err := os.MkdirTemp("", "eventagg-demo-")
	if err != nil {
		return fmt.Errorf("making a temporary folder: %w", err)
	}
	open.push("temporary folder", func(context.Context) error { return os.RemoveAll(folder) })
	c := opts.config
	c.HTTP.Addr = "127.0.0.1:0"
	c.Database.URL = "sqlite:" + filepath.Join(folder, defaultSQLite)
	c.Broker = config.Default().Broker
	c.Log = config.Log{Level: "warn", Format: "text"}
	log, flush := newLogger(a.errOut, c.Log)
	open.push("log", func(context.Context) error {
		flush()
		return nil
	})
	service, err := a.openService(ctx, serveOptions{config: c, migrate: true}, log)
	if err != nil {
		return err
	}
	open.push("demo's server", service.open.unwind)
	url := baseURL(service.listener.Addr())
	_, _ = fmt.Fprintf(a.errOut, "serving on %s, storing in %s\n", url, service.database)

	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()
	served := make(chan error, 1)
	go func() { served <- service.run(serving, 0, log) }()
	err = a.show(ctx, url, opts)
	if err == nil && opts.keep {
		a.announce(service, c, log)
	} else {
		stopServing()
	}
	return errors.Join(err, <-served)
}
