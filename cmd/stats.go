package cmd

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/store"
)

const statsLong = `Shows how many events a server has received, how many of them are stored, and how
many were repeats. The numbers are those of the database: they hold across
restarts and over all instances.

--watch shows them again and again with rates; on a terminal in place, with the busiest
topics and how the rate of each went since the start. Elsewhere each time is a line.`

const statsExample = `  eventagg stats
  eventagg stats --topics
  eventagg stats --watch --interval 5s
  eventagg stats -o json | jq .unique_processed`

// statsOptions is what the arguments of `eventagg stats` say.
type statsOptions struct {
	url      string
	format   outputFormat
	topics   bool
	watch    bool
	interval time.Duration
}

// statsTarget is a server as stats needs it.
type statsTarget interface {
	Totals(ctx context.Context) (api.Stats, error)
	TopicStats(ctx context.Context) ([]store.TopicStats, error)
}

// minInterval is how often a server may be asked again.
const minInterval = 10 * time.Millisecond

// newStatsCmd builds `eventagg stats`. runF replaces what it does; nil is the
// real thing.
func (a *app) newStatsCmd(runF func(context.Context, statsOptions) error) *cobra.Command {
	var opts statsOptions
	if runF == nil {
		runF = a.runStats
	}
	cmd := &cobra.Command{
		Use:     "stats",
		Short:   "Show what has been received, stored and dropped",
		Long:    statsLong,
		Example: statsExample,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.interval < minInterval {
				return &usageError{err: fmt.Errorf("--interval must be at least %v, is %v", minInterval, opts.interval), hint: helpHint(cmd)}
			}
			c, err := a.config(cmd)
			if err != nil {
				return err
			}
			opts.url = c.Client.URL
			return runF(cmd.Context(), opts)
		},
	}
	config.AddFlags(cmd.Flags(), "client")
	cmd.Flags().BoolVar(&opts.topics, "topics", false, "show a row per topic, busiest first")
	cmd.Flags().BoolVarP(&opts.watch, "watch", "w", false, "show it again and again, with rates, until Ctrl-C")
	cmd.Flags().DurationVar(&opts.interval, "interval", time.Second, "how often --watch asks")
	opts.format.addFlag(cmd)
	return cmd
}

func (a *app) runStats(ctx context.Context, opts statsOptions) error {
	c, err := a.dial(opts.url, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	return a.showStats(ctx, c, opts)
}

// dial makes a client for a command that asks one thing at a time.
func (a *app) dial(address string, onConnection func(error)) (*client.Client, error) {
	return client.New(client.Options{
		URL: address, Concurrency: 1, UserAgent: "eventagg/" + a.version, OnConnection: onConnection,
	})
}

// showStats writes the numbers once, or each interval until ctx ends.
func (a *app) showStats(ctx context.Context, target statsTarget, opts statsOptions) error {
	screen := newScreen(a.out)
	totals, topics := !opts.topics, opts.topics || opts.watch && screen.draws(opts)
	now, err := takeSample(ctx, target, totals, topics)
	if err != nil {
		return unreachable(opts.url, err)
	}
	if !opts.watch {
		return a.writeSample(now, opts)
	}
	if err := screen.show(now, sample{}, opts); err != nil {
		return err
	}
	ticker := time.NewTicker(opts.interval)
	defer ticker.Stop()
	away := false
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		next, err := takeSample(ctx, target, totals, topics)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !store.Temporary(err):
			return unreachable(opts.url, err)
		case err != nil:
			a.tellAway(&away, err)
			screen.forget()
			continue
		}
		a.tellAway(&away, nil)
		if next.beginsAnew(now) {
			now = sample{} // a rate would be that between two databases
		}
		if err := screen.show(next, now, opts); err != nil {
			return err
		}
		now = next
	}
}

// tellAway says, once each, that the server is away and that it is back.
func (a *app) tellAway(away *bool, err error) {
	switch {
	case err != nil && !*away:
		_, _ = fmt.Fprintf(a.errOut, "eventagg: %v; asking again\n", plain(err))
	case err == nil && *away:
		_, _ = fmt.Fprintln(a.errOut, "eventagg: the server is back")
	}
	*away = err != nil
}

// takeSample asks the server once.
func takeSample(ctx context.Context, target statsTarget, totals, topics bool) (s sample, err error) {
	if totals {
		s.totals, err = target.Totals(ctx)
	}
	if topics && err == nil {
		s.topics, err = target.TopicStats(ctx)
	}
	s.at = time.Now()
	return s, err
}

// unreachable adds to the error of a server that doesn't answer what the reader
// can do about it.
func unreachable(address string, err error) error {
	if client.ForeignServer(err) {
		return foreign(address, err)
	}
	lost := plain(err)
	if _, ok := errors.AsType[*client.ConnectionError](lost); !ok {
		return err
	}
	flag := ""
	if parsed, parseErr := url.Parse(address); parseErr == nil && parsed.Host != "127.0.0.1:8000" {
		flag = " --http-addr " + parsed.Host
	}
	return withHint(lost, "Is 'eventagg serve%s' running there? Another server is chosen with --url.", flag)
}

// foreign says of an answer that it comes from some other program.
func foreign(address string, err error) error {
	return withHint(fmt.Errorf("%s does not look like an eventagg server: %w", config.Redact(address), err),
		"Another address is chosen with --url (EVENTAGG_CLIENT_URL, or client.url in the configuration file).")
}

// plain leaves out of the error of a server that doesn't answer what it was to
// answer: the reader knows what was asked for, and none of it is the reason.
func plain(err error) error {
	if lost, ok := errors.AsType[*client.ConnectionError](err); ok {
		return lost
	}
	return err
}
