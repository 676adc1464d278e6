package cmd

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/atomicfile"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/export"
	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/terminal"
)

const exportLong = `Writes all events of a server, or those that match, as NDJSON: one event a line,
oldest first, each payload exactly as it was sent. The events can be sent again, to
this server or another: eventagg publish --file FILE

--out names the file. It is compressed if the name ends with .gz or .zst. The file
gets its name when it is complete: an export that fails or is stopped leaves nothing.
With --out - the events go to standard output; on a terminal, characters that control
it are escaped.

The export contains what was stored when it started. Events of transactions that were
still open then may be missing; a later export with --since contains them. If the
server becomes unavailable, the export waits for it.

--since and --until compare the time when an event was stored. They take a time in
the formats of an event's timestamp, or a duration before now: 90s, 15m, 2h, 7d.

With -o json the result (path, events, bytes, seconds) is an object. The events
themselves are always JSON.`

const exportExample = `  eventagg export --out events.ndjson.zst
  eventagg export --topic user_login --since 7d --out logins.ndjson.gz --force
  eventagg export --until 2025-12-19 | jq -r .event_id
  eventagg export | eventagg publish --file - --url http://other:8000 --ndjson`

// stdStream is the name of standard input and output in place of a path.
const stdStream = "-"

// exportOptions are the options of `eventagg export`.
type exportOptions struct {
	client config.Client
	format outputFormat
	flags  filterFlags
	filter store.Filter // from flags
	out    string
	force  bool
}

func (o *exportOptions) configure(c config.Config) { o.client = c.Client }

func (o *exportOptions) complete(*cobra.Command, []string) error {
	filter, problems := o.flags.filter(time.Now())
	o.filter = filter
	if o.out == "" {
		problems = append(problems, errors.New("invalid --out: must be a path, or - for standard output"))
	}
	return errors.Join(problems...)
}

// exportTarget is the part of a client that export uses.
type exportTarget interface {
	statsTarget
	Export(ctx context.Context, filter store.Filter, fn func([]store.Record) error) error
}

// exportResult is the result of export as JSON.
type exportResult struct {
	Path    string  `json:"path"`
	Events  int64   `json:"events"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

// newExportCmd builds `eventagg export`; see [build] for runF.
func (a *app) newExportCmd(runF func(context.Context, exportOptions) error) *cobra.Command {
	var opts exportOptions
	cmd := &cobra.Command{
		Use:     "export",
		Short:   "Write all events, or those that match, to a file",
		Long:    exportLong,
		Example: exportExample,
	}
	config.AddFlags(cmd.Flags(), "client")
	opts.flags.add(cmd.Flags())
	cmd.Flags().StringVar(&opts.out, "out", stdStream, "`path` of the file, compressed if it ends with .gz or .zst; - is standard output")
	cmd.Flags().BoolVar(&opts.force, "force", false, "replace an existing file")
	opts.format.addFlag(cmd)
	return build(a, cmd, &opts, runF, a.runExport)
}

func (a *app) runExport(ctx context.Context, opts exportOptions) error {
	var state exportState
	report := a.newReachability()
	c, err := a.dial(ctx, opts.client, func(lost error) {
		state.lost.Store(&lost)
		if a.quietExport(opts) {
			report(lost)
		}
	})
	if err != nil {
		return err
	}
	defer c.Close()
	return a.export(ctx, c, opts, &state)
}

// exportState is the progress of an export.
type exportState struct {
	begin  time.Time
	total  int64
	events atomic.Int64
	lost   atomic.Pointer[error] // why the server is being retried
}

func (s *exportState) frame() terminal.Frame {
	var retrying error
	if lost := s.lost.Load(); lost != nil {
		retrying = *lost
	}
	return terminal.ExportFrame(s.events.Load(), s.total, time.Since(s.begin), retrying)
}

// quietExport reports whether events and progress would share a terminal. Then no
// progress is shown.
func (a *app) quietExport(opts exportOptions) bool {
	return opts.out == stdStream && terminal.IsTerminal(a.out)
}

// export writes the events that match, and reports the result.
func (a *app) export(ctx context.Context, target exportTarget, opts exportOptions, state *exportState) error {
	file, err := a.openExport(opts)
	if err != nil {
		return explainExport(opts, err)
	}
	defer file.Discard()
	state.begin = time.Now()
	if state.total, err = expected(ctx, target, opts.filter); err != nil {
		return explainUnreachable(opts.client.URL, err)
	}
	frame := state.frame
	if a.quietExport(opts) {
		frame = nil
	}
	progress := terminal.StartProgress(a.errOut, a.interactive(), frame)
	err = target.Export(ctx, opts.filter, func(records []store.Record) error {
		if err := file.Write(records); err != nil {
			return err
		}
		state.events.Add(int64(len(records)))
		return nil
	})
	if err == nil {
		err = file.Commit()
	}
	progress.Stop()
	if err != nil {
		return explainExport(opts, err)
	}
	return a.writeExport(opts, exportResult{
		Path: opts.out, Events: state.events.Load(), Bytes: file.Bytes(), Seconds: time.Since(state.begin).Seconds(),
	})
}

func (a *app) openExport(opts exportOptions) (*export.File, error) {
	if opts.out == stdStream {
		return export.NewStream(terminal.JSONWriter(a.out)), nil
	}
	return export.Open(opts.out, opts.force)
}

// expected returns how many events an export will have, or 0 if that is not known
// without counting them.
func expected(ctx context.Context, target exportTarget, filter store.Filter) (int64, error) {
	switch filter {
	case store.Filter{}:
		totals, err := target.Totals(ctx)
		return totals.Kept, err
	case store.Filter{Topic: filter.Topic}:
		topics, err := target.TopicStats(ctx, store.TopicQuery{Topic: filter.Topic, Limit: 1})
		if len(topics) == 0 || topics[0].Topic != filter.Topic {
			return 0, err
		}
		return topics[0].Stored, nil
	default:
		return 0, nil
	}
}

// explainExport adds to an error what the reader can do about it.
func explainExport(opts exportOptions, err error) error {
	switch {
	case errors.Is(err, store.ErrForeignPosition):
		return withHint(fmt.Errorf("the server has other events than when the export started: %w", err),
			"Its database was replaced, emptied, or restored from a backup. Start the export again.")
	case errors.Is(err, atomicfile.ErrBrokenLink):
		return withHint(err, "Create the target of the link, or use --out for another path.")
	case errors.Is(err, atomicfile.ErrFolder):
		return withHint(err, "Use --out with a file in it, such as %s.", filepath.Join(opts.out, "events.ndjson.zst"))
	case errors.Is(err, atomicfile.ErrExists):
		return withHint(err, "Use --force to replace it, or --out for another path.")
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return withHint(err, "The disk is full. Free some space, or use --out for another disk; a name that ends with .zst needs least space.")
	}
	return explainUnreachable(opts.client.URL, err)
}

// writeExport writes the result. If standard output has the events, it goes to
// standard error.
func (a *app) writeExport(opts exportOptions, result exportResult) error {
	switch {
	case opts.out == stdStream:
		_, _ = fmt.Fprintf(a.errOut, "exported %s\n", terminal.Events(result.Events))
		return nil
	case opts.format.json():
		return writeJSON(a.out, result)
	}
	took := loadgen.FormatDuration(time.Duration(result.Seconds * float64(time.Second)))
	_, err := fmt.Fprintf(a.out, "exported %s to %s (%s, %s)\n",
		terminal.Events(result.Events), result.Path, terminal.Bytes(result.Bytes), took)
	return err
}
