package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/export"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/terminal"
)

const tailLong = `Shows the last events that a server has stored, oldest first. With -f it continues
with every event stored later, each exactly once and in the order of the store. It
reconnects if the server becomes unavailable. If the server returns with another
database, or with a backup that lacks events already shown, tail ends with an error.

--since and --until compare the time when an event was stored. They take a time in
the formats of an event's timestamp, or a duration before now: 90s, 15m, 2h, 7d.

With --cursor-file, tail starts after the position in the file and keeps it up to
date, so that a restarted consumer misses nothing. Without -f it then shows every event
after that position. --limit has an effect only if the file does not exist yet. An
event is in the position once it is written to the output. After a crash of tail the
events of the last 200 ms are shown again.

Events of one transaction follow each other. Those of an array keep its order; those
of concurrent requests have any order.

With -o json each line is an event with its payload exactly as it was sent. Such
lines can be sent again: eventagg publish --file -

-o template=TEXT formats each event by a template of Go's text/template. Its fields
are .Topic .EventID .Timestamp .Source .Payload .CreatedAt, or the names in the JSON:
.topic .event_id .timestamp .source .payload .created_at. Members of the payload are
.Payload.NAME.

On a terminal each topic has its own colour, unless NO_COLOR is set.`

const tailExample = `  eventagg tail --limit 100
  eventagg tail -f --topic user_login
  eventagg tail --since 15m --source web-1 --limit 1000
  eventagg tail --limit 5000 -o json > events.ndjson
  eventagg tail -f -o json | jq --unbuffered .payload
  eventagg tail -f -o json --cursor-file consumer.cursor | consumer
  eventagg tail -f -o 'template={{.CreatedAt}} {{.Topic}} {{.Payload.user}}'
  eventagg tail --since 15m --limit 100000 -o json | eventagg publish --file -`

// tailOptions are the options of `eventagg tail`.
type tailOptions struct {
	client   config.Client
	format   tailFormat
	limit    int
	follow   bool
	flags    filterFlags
	filter   store.Filter // from flags
	interval time.Duration
	// cursorFile is the file with the position; empty for none.
	cursorFile string
}

func (o *tailOptions) configure(c config.Config) { o.client = c.Client }

func (o *tailOptions) complete(*cobra.Command, []string) error {
	var problems []error
	if o.limit < 0 {
		problems = append(problems, fmt.Errorf("invalid --limit %d: must not be negative", o.limit))
	}
	if o.interval < minInterval {
		problems = append(problems, fmt.Errorf("invalid --interval %v: must be at least %v", o.interval, minInterval))
	}
	if o.follow && o.flags.until != "" {
		problems = append(problems, errors.New("invalid --until with -f: following has no end"))
	}
	filter, more := o.flags.filter(time.Now())
	o.filter = filter
	return errors.Join(append(problems, more...)...)
}

// tailTarget is the part of a client that tail uses.
type tailTarget interface {
	Last(ctx context.Context, filter store.Filter, last int, fn func([]store.Record) error) error
	Resume(ctx context.Context, query client.ResumeQuery, fn func([]store.Record) error, at func(cursor string) error) error
	Follow(ctx context.Context, filter store.Filter, last int, interval time.Duration, fn func(store.Record) error) error
}

// newTailCmd builds `eventagg tail`; see [build] for runF.
func (a *app) newTailCmd(runF func(context.Context, tailOptions) error) *cobra.Command {
	var opts tailOptions
	cmd := &cobra.Command{
		Use:     "tail",
		Short:   "Show the last events, and follow new ones",
		Long:    tailLong,
		Example: tailExample,
	}
	config.AddFlags(cmd.Flags(), "client")
	flags := cmd.Flags()
	flags.IntVarP(&opts.limit, "limit", "n", 10, "number of last events to show")
	flags.BoolVarP(&opts.follow, "follow", "f", false, "continue with new events until Ctrl-C")
	opts.flags.add(flags)
	flags.StringVar(&opts.cursorFile, "cursor-file", "", "start after the position in this `file`, and keep it up to date")
	flags.DurationVar(&opts.interval, "interval", 500*time.Millisecond, "time between two requests of -f, if the server is too old for event streams")
	opts.format.addFlag(cmd)
	return build(a, cmd, &opts, runF, a.runTail)
}

func (a *app) runTail(ctx context.Context, opts tailOptions) error {
	c, err := a.dial(ctx, opts.client, a.newReachability())
	if err != nil {
		return err
	}
	defer c.Close()
	return untilClosed(ctx, a.out, func(ctx context.Context) error { return a.showTail(ctx, c, opts) })
}

// showTail writes the last events, and with -f those after them.
func (a *app) showTail(ctx context.Context, target tailTarget, opts tailOptions) error {
	write := opts.format.writer(a.out)
	if opts.cursorFile != "" {
		return a.resumeTail(ctx, target, opts, write)
	}
	if opts.follow {
		err := target.Follow(ctx, opts.filter, opts.limit, opts.interval, func(r store.Record) error { return write(r) })
		if errors.Is(err, store.ErrForeignPosition) {
			return withHint(fmt.Errorf("the server has other events than those followed: %w", err),
				"Its database was replaced, emptied, or restored from a backup, so events may be missing here.\n"+
					"Start 'eventagg tail -f' again to follow from the newest event; --since and --limit show stored events.")
		}
		return explainUnreachable(opts.client.URL, err)
	}
	err := target.Last(ctx, opts.filter, opts.limit, func(records []store.Record) error { return write(records...) })
	return explainUnreachable(opts.client.URL, err)
}

// resumeTail writes the events after the position in the cursor file.
func (a *app) resumeTail(ctx context.Context, target tailTarget, opts tailOptions, write func(...store.Record) error) error {
	file, err := openCursorFile(opts.cursorFile)
	if err != nil {
		return err
	}
	query := client.ResumeQuery{Filter: opts.filter, Cursor: file.start(), Last: opts.limit, Follow: opts.follow, Interval: opts.interval}
	err = target.Resume(ctx, query, func(records []store.Record) error { return write(records...) }, file.set)
	if errors.Is(err, store.ErrForeignPosition) {
		err = withHint(fmt.Errorf("the position in %s belongs to other data: %w", opts.cursorFile, err),
			"The server's database was replaced, emptied, or restored from a backup, so events may be missing here.\n"+
				"Delete the file to start with the last events (--limit), or use another --cursor-file.")
	}
	if errClose := file.close(); err == nil || errors.Is(err, context.Canceled) && errClose != nil {
		err = errClose
	}
	return explainUnreachable(opts.client.URL, err)
}

// tailFormat is the value of tail's -o, which may be a template.
type tailFormat struct {
	outputFormat

	template *terminal.Template
}

const templatePrefix = "template="

// Set takes a format's name, or a template.
func (f *tailFormat) Set(text string) error {
	source, isTemplate := strings.CutPrefix(text, templatePrefix)
	if !isTemplate {
		f.template = nil
		if f.outputFormat.Set(text) != nil {
			return errors.New("must be table, json or template=TEXT")
		}
		return nil
	}
	parsed, err := terminal.ParseTemplate(source)
	f.outputFormat, f.template = "template", parsed
	return err
}

// addFlag adds the flag -o to tail.
func (f *tailFormat) addFlag(cmd *cobra.Command) {
	f.outputFormat = "table"
	cmd.Flags().VarP(f, "output", "o", "print events as table, json or template=TEXT")
	_ = cmd.RegisterFlagCompletionFunc("output",
		cobra.FixedCompletions([]string{"table", "json", templatePrefix}, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace))
}

// writer returns a function that writes events to out in the format.
func (f *tailFormat) writer(out io.Writer) func(...store.Record) error {
	if !f.json() {
		return terminal.NewEventWriter(out, f.template).Write
	}
	var lines []byte
	out = terminal.JSONWriter(out)
	return func(records ...store.Record) error {
		lines = lines[:0]
		for _, r := range records {
			lines = export.AppendLine(lines, r)
		}
		_, err := out.Write(lines)
		return err
	}
}
