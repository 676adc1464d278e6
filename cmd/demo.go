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

const demoLong = `Shows eventagg in one process and leaves nothing behind. It starts a server with a
temporary database, publishes 20,000 events of which 30 % are duplicates, reads every
event back to prove that each is stored exactly once, and prints the counters and the
last events.`

// demoOptions are the options of `eventagg demo`.
type demoOptions struct {
	config config.Config
	format outputFormat
	count  int64
	// keep leaves the server running at the end.
	keep bool
}

func (o *demoOptions) configure(c config.Config) { o.config = c }

func (o *demoOptions) complete(*cobra.Command, []string) error {
	if o.count < 1 || o.count > 100_000_000 {
		return fmt.Errorf("invalid --count %d: must be between 1 and 100,000,000", o.count)
	}
	return nil
}

const (
	demoDupRate     = 0.3
	demoConcurrency = 64
	demoTail        = 5
	demoWait        = 10 * time.Second
)

// newDemoCmd builds `eventagg demo`; see [build] for runF.
func (a *app) newDemoCmd(runF func(context.Context, demoOptions) error) *cobra.Command {
	var opts demoOptions
	cmd := &cobra.Command{
		Use:     "demo",
		Short:   "Serve, publish and verify in one process, to see it work",
		Long:    demoLong,
		Example: "  eventagg demo\n  eventagg demo --keep      # leave the server running, to try it by hand",
	}
	cmd.Flags().Int64Var(&opts.count, "count", defaultCount, "number of events to publish, 30 % of them duplicates")
	cmd.Flags().BoolVar(&opts.keep, "keep", false, "leave the server running until Ctrl-C")
	opts.format.addFlag(cmd)
	return build(a, cmd, &opts, runF, a.runDemo)
}

// runDemo serves from a temporary folder, shows the output of the other commands
// for that server, and removes the folder.
func (a *app) runDemo(ctx context.Context, opts demoOptions) error {
	var open stack
	err := a.demo(ctx, opts, &open)
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), opts.config.HTTP.ShutdownTimeout)
	defer cancel()
	if err := errors.Join(err, open.unwind(ending)); err != nil {
		return err
	}
	if opts.keep {
		return errServed // Ctrl-C is the normal end
	}
	return nil
}

// demo is runDemo without closing what it pushes on open.
func (a *app) demo(ctx context.Context, opts demoOptions, open *stack) error {
	folder, err := os.MkdirTemp("", "eventagg-demo-")
	if err != nil {
		return fmt.Errorf("create a temporary folder: %w", err)
	}
	open.push("temporary folder", func(context.Context) error { return os.RemoveAll(folder) })
	c := opts.config
	c.HTTP.Addr = "127.0.0.1:0"
	c.TLS = config.TLS{}
	c.Database.URL = "sqlite:" + filepath.Join(folder, defaultSQLite)
	c.Broker = config.Default().Broker
	c.Log = config.Log{Level: "warn", Format: "text"}
	log, flush := newLogger(a.errOut, c.Log)
	open.push("log", func(context.Context) error {
		flush()
		return nil
	})
	service, err := a.openService(ctx, serveOptions{config: c}, log)
	if err != nil {
		return err
	}
	open.push("demo's server", service.open.unwind)
	url := service.url()
	_, _ = fmt.Fprintf(a.errOut, "serving on %s, storing in %s\n", url, service.database)

	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()
	served := make(chan error, 1)
	go func() { served <- service.run(serving, 0, log) }()
	err = a.show(ctx, url, opts)
	if err == nil && opts.keep {
		a.printStart(service, c)
	} else {
		stopServing()
	}
	return errors.Join(err, <-served)
}
