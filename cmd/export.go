package cmd

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/store"
)

const exportLong = `Writes all events of a server, or those that match, as NDJSON: one event a line, the
oldest first, each payload digit by digit as it was sent. It can be sent again, to
this server or another: eventagg publish --file FILE.

--out names the file; one that ends with .gz or .zst is compressed. The file gets its
name when it is whole: an export that fails or is stopped leaves nothing. With
--out - the events go to standard output.

The export has what was stored when it began. Where a transaction was still open then,
the events beside it may be missing; an export with --since soon after has them. A
server that goes away midway is waited for.

--since and --until look at when an event was stored, and take a time in the
forms of an event's timestamp, or how long ago: 90s, 15m, 2h, 7d.

With -o json the result, which is about the file, is an object; the events themselves
are always JSON.`

const exportExample = `  eventagg export --out events.ndjson.zst
  eventagg export --topic user_login --since 7d --out logins.ndjson.gz --force
  eventagg export --until 2025-12-19 | jq -r .event_id
  eventagg export | eventagg publish --file - --url http://other:8000 --ndjson`

// stdStream is the name of standard input and output where a path is expected.
const stdStream = "-"

// exportOptions is what the arguments of `eventagg export` say.
type exportOptions struct {
	url    string
	format outputFormat
	filter store.Filter
	out    string
	force  bool
}

// exportTarget is a server as export needs it.
type exportTarget interface {
	statsTarget
	Export(ctx context.Context, filter store.Filter, fn func([]store.Record) error) error
}

// newExportCmd builds `eventagg export`. runF replaces what it does; nil is the
// real thing.
func (a *app) newExportCmd(runF func(context.Context, exportOptions) error) *cobra.Command {
	var (
		opts   exportOptions
		bounds timeBounds
	)
	if runF == nil {
		runF = a.runExport
	}
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write all events to a file, or those that match",
		Long:    exportLong,
		Example: exportExample,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			faults := bounds.parse(time.Now(), &opts.filter)
			if opts.out == "" {
				faults = append(faults, errors.New("--out must name a file, or be - for standard output"))
			}
			if err := errors.Join(faults...); err != nil {
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
	addFilterFlags(cmd.Flags(), &opts.filter, &bounds)
	cmd.Flags().StringVar(&opts.out, "out", stdStream, "`path` of the file, compressed where it ends with .gz or .zst; - is standard output")
	cmd.Flags().BoolVar(&opts.force, "force", false, "replace a file that is there")
	opts.format.addFlag(cmd)
	return cmd
}

// expected is how many events an export will have, 0 where nobody knows without
// counting them.
func expected(ctx context.Context, target exportTarget, filter store.Filter) (int64, error) {
	switch filter {
	case store.Filter{}:
		totals, err := target.Totals(ctx)
		return totals.Unique, err
	case store.Filter{Topic: filter.Topic}:
		topics, err := target.TopicStats(ctx)
		for _, t := range topics {
			if t.Topic == filter.Topic {
				return t.Unique, err
			}
		}
		return 0, err
	default:
		return 0, nil
	}
}
