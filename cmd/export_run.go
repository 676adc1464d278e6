package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/store"
)

// exportResult is what `export --out FILE -o json` prints.
type exportResult struct {
	Path    string  `json:"path"`
	Events  int64   `json:"events"`
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"`
}

func (a *app) runExport(ctx context.Context, opts exportOptions) error {
	var state exportState
	away := false
	c, err := a.dial(opts.url, func(lost error) {
		state.lost.Store(&lost)
		if a.quietExport(opts) {
			a.tellAway(&away, lost)
		}
	})
	if err != nil {
		return err
	}
	defer c.Close()
	return a.export(ctx, c, opts, &state)
}

// exportState is how far an export is, for those who watch.
type exportState struct {
	begin  time.Time
	total  int64
	events atomic.Int64
	lost   atomic.Pointer[error]
}

// frame is what is shown of it.
func (s *exportState) frame() frame {
	f := frame{done: s.events.Load(), total: s.total, note: "exporting"}
	if lost := s.lost.Load(); lost != nil {
		f.stuck = *lost
	}
	if f.stuck != nil {
		f.note = "waiting"
	}
	f.line = formatCount(f.done)
	if f.total > 0 {
		f.line += " of about " + formatCount(f.total)
	}
	f.line += " events, " + formatRate(float64(f.done)/time.Since(s.begin).Seconds())
	if f.stuck != nil {
		f.line += ", retrying: " + shortReason(f.stuck)
	}
	return f
}

// quietExport says that progress would be lost among the events.
func (a *app) quietExport(opts exportOptions) bool { return opts.out == stdStream && isTerminal(a.out) }

// export writes the events that match and tells of it.
func (a *app) export(ctx context.Context, target exportTarget, opts exportOptions, state *exportState) error {
	sink, err := openSink(opts.out, opts.force, a.out)
	if err != nil {
		return err
	}
	defer sink.discard()
	state.begin = time.Now()
	if state.total, err = expected(ctx, target, opts.filter); err != nil {
		return unreachable(opts.url, err)
	}
	show := &progress{out: a.errOut}
	if !a.quietExport(opts) {
		show.begin(a.interactive(), state.frame)
	} else {
		show.begin(false, nil)
	}
	err = target.Export(ctx, opts.filter, func(records []store.Record) error {
		if err := sink.write(records); err != nil {
			return err
		}
		state.events.Add(int64(len(records)))
		return nil
	})
	if err == nil {
		err = sink.commit()
	}
	show.end()
	if errors.Is(err, store.ErrForeignPosition) {
		return withHint(fmt.Errorf("the server's events are not those that the export began with: %w", err),
			"Its database is another one, was emptied, or was restored from a backup. Start the export again.")
	}
	if err != nil {
		return unreachable(opts.url, err)
	}
	return a.tellExport(opts, exportResult{
		Path: opts.out, Events: state.events.Load(), Bytes: sink.bytes(), Seconds: time.Since(state.begin).Seconds(),
	})
}

// tellExport writes the result. Where the events are the result, it is for
// standard error.
func (a *app) tellExport(opts exportOptions, result exportResult) error {
	if opts.out == stdStream {
		_, _ = fmt.Fprintf(a.errOut, "exported %s\n", formatEvents(result.Events))
		return nil
	}
	return a.writeExport(a.out, opts, result)
}

func (a *app) writeExport(w io.Writer, opts exportOptions, result exportResult) error {
	if opts.format.json() {
		return writeJSON(w, result)
	}
	took := loadgen.FormatDuration(time.Duration(result.Seconds * float64(time.Second)))
	_, err := fmt.Fprintf(w, "exported %s to %s (%s, %s)\n",
		formatEvents(result.Events), result.Path, humanize.IBytes(uint64(max(result.Bytes, 0))), took)
	return err
}
