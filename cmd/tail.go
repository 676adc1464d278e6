package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/template"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/store"
)

const tailLong = `Shows the last events a server has stored, the oldest of them first. With -f it
goes on with every later one, each exactly once and in the order of the store,
also when the server goes away and comes back. Where it comes back with another
database, or with a backup that lacks what was shown, that is an error.

--since and --until look at when an event was stored, and take a time in the
forms of an event's timestamp, or how long ago: 90s, 15m, 2h, 7d.

Events of one transaction follow each other as the server came to read them:
those of an array in its order, those of concurrent requests in any.

With -o json each line is an event, its payload digit by digit as it was sent; it
can be sent again: eventagg publish --file -

-o template=TEXT writes a line for each event after a template of Go's text/template.
Its fields are texts: .Topic .EventID .Timestamp .Source .Payload .CreatedAt, or as in
the JSON: .topic .event_id .timestamp .source .payload .created_at. Members of the
payload are .Payload.NAME.

On a terminal each topic has a colour of its own, unless NO_COLOR is set.`

const tailExample = `  eventagg tail --limit 100
  eventagg tail -f --topic user_login
  eventagg tail --since 15m --source web-1 --limit 1000
  eventagg tail --limit 5000 -o json > events.ndjson
  eventagg tail -f -o json | jq --unbuffered .payload
  eventagg tail -f -o 'template={{.CreatedAt}} {{.Topic}} {{.Payload.user}}'
  eventagg tail --since 15m --limit 100000 -o json | eventagg publish --file -`

// tailOptions is what the arguments of `eventagg tail` say.
type tailOptions struct {
	url      string
	format   outputFormat // or "template"
	template *template.Template
	limit    int
	follow   bool
	filter   store.Filter
	interval time.Duration
}

// tailTarget is a server as tail needs it.
type tailTarget interface {
	Last(ctx context.Context, filter store.Filter, last int, fn func([]store.Record) error) error
	Follow(ctx context.Context, filter store.Filter, last int, interval time.Duration, fn func(store.Record) error) error
}

// newTailCmd builds `eventagg tail`. runF replaces what it does; nil is the
// real thing.
func (a *app) newTailCmd(runF func(context.Context, tailOptions) error) *cobra.Command {
	var (
		opts   tailOptions
		bounds timeBounds
	)
	if runF == nil {
		runF = a.runTail
	}
	cmd := &cobra.Command{
		Use:     "tail",
		Short:   "Show the last events, and follow new ones",
		Long:    tailLong,
		Example: tailExample,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opts.complete(bounds, time.Now()); err != nil {
				return &usageError{err: err, hint: helpHint(cmd)}
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
	flags := cmd.Flags()
	flags.IntVarP(&opts.limit, "limit", "n", 10, "how many of the last events to show")
	flags.BoolVarP(&opts.follow, "follow", "f", false, "go on with new events until Ctrl-C")
	addFilterFlags(flags, &opts.filter, &bounds)
	flags.DurationVar(&opts.interval, "interval", 500*time.Millisecond, "how often -f asks a server of a version without a stream of events")
	tailFormat{&opts}.addFlag(cmd)
	return cmd
}

// complete checks what was given and fills in what follows from it. The error
// names every fault.
func (o *tailOptions) complete(bounds timeBounds, now time.Time) error {
	var faults []error
	if o.limit < 0 {
		faults = append(faults, fmt.Errorf("--limit must not be negative, is %d", o.limit))
	}
	if o.interval < minInterval {
		faults = append(faults, fmt.Errorf("--interval must be at least %v, is %v", minInterval, o.interval))
	}
	if o.follow && bounds.until != "" {
		faults = append(faults, errors.New("--until can't be combined with -f: there is no end to follow to"))
	}
	return errors.Join(append(faults, bounds.parse(now, &o.filter)...)...)
}

// timeBounds are --since and --until as they were given.
type timeBounds struct{ since, until string }

// parse reads them into a filter, and returns what is wrong with them.
func (b timeBounds) parse(now time.Time, filter *store.Filter) (faults []error) {
	for _, bound := range []struct {
		flag, text string
		to         *time.Time
	}{{"--since", b.since, &filter.Since}, {"--until", b.until, &filter.Until}} {
		if bound.text == "" {
			continue
		}
		t, err := parseMoment(bound.text, now)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s %w", bound.flag, err))
			continue
		}
		*bound.to = t
	}
	return faults
}

// addFilterFlags adds the flags that say which events are meant.
func addFilterFlags(flags *pflag.FlagSet, filter *store.Filter, bounds *timeBounds) {
	flags.StringVar(&filter.Topic, "topic", "", "only events of this topic")
	flags.StringVar(&filter.Source, "source", "", "only events of this source")
	flags.StringVar(&bounds.since, "since", "", "only events stored at or after this `time`, or so long ago")
	flags.StringVar(&bounds.until, "until", "", "only events stored before this `time`, or so long ago")
}

// parseMoment reads a time, or how long ago it was.
func parseMoment(text string, now time.Time) (time.Time, error) {
	ago, err := time.ParseDuration(text)
	if days, found := strings.CutSuffix(text, "d"); found && err != nil {
		const hoursADay, tenYears = 24, 3660
		if n, dayErr := strconv.ParseUint(days, 10, 16); dayErr == nil && n <= tenYears {
			ago, err = time.Duration(n)*hoursADay*time.Hour, nil
		}
	}
	if err == nil && ago >= 0 {
		return now.Add(-ago).UTC().Truncate(time.Microsecond), nil
	}
	t, err := codec.ParseTime(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("must be a time such as 2025-12-19T12:00:00Z or how long ago such as 15m, is %q", text)
	}
	return t, nil
}

func (a *app) runTail(ctx context.Context, opts tailOptions) error {
	away := false
	c, err := a.dial(opts.url, func(lost error) { a.tellAway(&away, lost) })
	if err != nil {
		return err
	}
	defer c.Close()
	return a.showTail(ctx, c, opts)
}

// showTail writes the last events, and goes on if asked to.
func (a *app) showTail(ctx context.Context, target tailTarget, opts tailOptions) error {
	printer := newEventPrinter(a.out, opts.format.json(), terminalWidth(a.out))
	printer.template, printer.terminal, printer.colour = opts.template, isTerminal(a.out), colourful(a.out)
	if opts.follow {
		err := target.Follow(ctx, opts.filter, opts.limit, opts.interval, func(r store.Record) error {
			return printer.print(r)
		})
		if errors.Is(err, store.ErrForeignPosition) {
			return withHint(fmt.Errorf("the server's events are not those that were followed: %w", err),
				"Its database is another one, was emptied, or was restored from a backup; what was missed can't be told.\n"+
					"Start 'eventagg tail -f' again to follow it from the newest event on; --since and --limit show what it has by now.")
		}
		return unreachable(opts.url, err)
	}
	err := target.Last(ctx, opts.filter, opts.limit, func(records []store.Record) error { return printer.print(records...) })
	return unreachable(opts.url, err)
}

// terminalWidth is how many columns a terminal has, and 0 where there is none.
func terminalWidth(w io.Writer) int {
	width, _ := terminalSize(w)
	return width
}
