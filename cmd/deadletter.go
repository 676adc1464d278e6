package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/terminal"
)

const deadletterLong = `Shows the queued events that could not be stored, with the reason of each, and moves
them back into the queue or deletes them. It connects to the queue itself, so it works
without a running server: set --broker-url, EVENTAGG_BROKER_URL or the key broker.url.
A dead letter that is retried and rejected again gets a new ID.`

const deadletterExample = `  eventagg deadletter list --broker-url redis://localhost
  eventagg deadletter retry --broker-url redis://localhost 1766145600000-0-0
  EVENTAGG_BROKER_URL=redis://localhost eventagg deadletter drop --all`

// deadletterOptions are the options of `eventagg deadletter list|retry|drop`.
type deadletterOptions struct {
	action string // list, retry or drop
	broker config.Broker
	format outputFormat
	limit  int
	ids    []string
	all    bool
}

func (o *deadletterOptions) configure(c config.Config) { o.broker = c.Broker }

func (o *deadletterOptions) complete(cmd *cobra.Command, args []string) error {
	o.action, o.ids = cmd.Name(), args
	switch {
	case o.action == "list" && o.limit < 1:
		return fmt.Errorf("invalid --limit %d: must be at least 1", o.limit)
	case o.action != "list" && o.all == (len(args) > 0):
		return errors.New("expected the IDs of dead letters, or --all")
	}
	return nil
}

// newDeadletterCmd builds `eventagg deadletter`; see [build] for runF.
func (a *app) newDeadletterCmd(runF func(context.Context, deadletterOptions) error) *cobra.Command {
	parent := &cobra.Command{
		Use:     "deadletter",
		Short:   "List, retry or delete queued events that can't be stored",
		Long:    deadletterLong,
		Example: deadletterExample,
	}
	onlyCommands(parent)
	for _, cmd := range []*cobra.Command{
		{Use: "list", Short: "List dead letters, oldest first"},
		{Use: "retry [ID …]", Short: "Move dead letters back into the queue", Args: cobra.ArbitraryArgs},
		{Use: "drop [ID …]", Short: "Delete dead letters for ever", Args: cobra.ArbitraryArgs},
	} {
		var opts deadletterOptions
		config.AddFlags(cmd.Flags(), "broker.url", "broker.prefix", "broker.streams")
		if cmd.Name() == "list" {
			cmd.Flags().IntVarP(&opts.limit, "limit", "n", 100, "maximum number of dead letters to show")
		} else {
			cmd.Flags().BoolVar(&opts.all, "all", false, "all dead letters")
		}
		opts.format.addFlag(cmd)
		parent.AddCommand(build(a, cmd, &opts, runF, a.runDeadletter))
	}
	return parent
}

func (a *app) runDeadletter(ctx context.Context, opts deadletterOptions) error {
	return withQueue(ctx, opts.broker, func(q queue.Queue) error { return a.deadletter(ctx, q, opts) })
}

func (a *app) deadletter(ctx context.Context, q queue.Queue, opts deadletterOptions) error {
	move, done := q.Retry, "moved back into the queue"
	switch opts.action {
	case "list":
		return a.listDeadLetters(ctx, q, opts)
	case "drop":
		move, done = q.Drop, "dropped"
	}
	moved, err := moveDeadLetters(ctx, q, opts, move)
	if err != nil {
		return err
	}
	if opts.format.json() {
		return writeJSON(a.out, deadletterResult{Events: moved})
	}
	_, err = fmt.Fprintf(a.out, "%s %s\n", terminal.Events(moved), done)
	return err
}

// deadletterResult is the result of retry and drop as JSON.
type deadletterResult struct {
	Events int64 `json:"events"`
}

// deadLetterPage is the number of dead letters read from the queue at a time.
const deadLetterPage = 100

func (a *app) listDeadLetters(ctx context.Context, q queue.Queue, opts deadletterOptions) error {
	t := terminal.Table{Heading: []string{"ID", "DELIVERIES", "FAILED AT", "TOPIC", "EVENT_ID", "REASON"}, Right: []int{1}}
	last, shown := "", 0
	for shown < opts.limit {
		letters, err := q.DeadLetters(ctx, last, min(deadLetterPage, opts.limit-shown))
		if err != nil {
			return err
		}
		if len(letters) == 0 {
			break
		}
		for _, l := range letters {
			if opts.format.json() {
				if err := json.NewEncoder(a.out).Encode(newDeadLetter(l)); err != nil {
					return err
				}
				continue
			}
			t.Add(l.ID, terminal.Count(l.Deliveries), terminal.Time(l.FailedAt),
				terminal.Printable(l.Event.Topic), terminal.Printable(l.Event.ID), terminal.Printable(l.Reason))
		}
		shown += len(letters)
		last = letters[len(letters)-1].ID
	}
	switch {
	case shown == 0 && opts.format.json():
		return nil
	case shown == 0:
		_, err := fmt.Fprintln(a.out, "no dead letters")
		return err
	case !opts.format.json():
		if err := t.Write(a.out); err != nil {
			return err
		}
	}
	return a.reportMore(ctx, q, shown, last)
}

// reportMore writes to standard error if the limit left out dead letters, so that
// the list is not taken for complete.
func (a *app) reportMore(ctx context.Context, q queue.Queue, shown int, last string) error {
	more, err := q.DeadLetters(ctx, last, 1)
	if err != nil || len(more) == 0 {
		return err
	}
	size, err := q.Size(ctx)
	if err != nil {
		return err
	}
	all := max(size.DeadLetters, int64(shown)+1) // the number may have changed meanwhile
	_, err = fmt.Fprintf(a.errOut, "These are the oldest %s of %s; --limit %d shows all.\n", terminal.Count(int64(shown)), terminal.Count(all), all)
	return err
}

// deadLetter is a dead letter as `deadletter list -o json` prints it, one a line.
type deadLetter struct {
	ID         string          `json:"id"`
	Reason     string          `json:"reason"`
	QueuedAt   time.Time       `json:"queued_at"`
	BuriedAt   time.Time       `json:"buried_at"`
	Deliveries int64           `json:"deliveries"`
	Event      json.RawMessage `json:"event,omitempty"`
	Text       string          `json:"text,omitempty"`
}

func newDeadLetter(l queue.DeadLetter) deadLetter {
	shown := deadLetter{
		ID: l.ID, Reason: l.Reason, QueuedAt: l.QueuedAt.UTC(), BuriedAt: l.FailedAt.UTC(), Deliveries: l.Deliveries, Text: l.Text,
	}
	if l.Text == "" {
		shown.Event = codec.Append(nil, l.Event)
	}
	return shown
}

// moveDeadLetters retries or drops the dead letters that opts name.
func moveDeadLetters(ctx context.Context, q queue.Queue, opts deadletterOptions, move func(context.Context, []string) (int64, error)) (int64, error) {
	if !opts.all {
		moved, err := move(ctx, opts.ids)
		if err == nil && moved < int64(len(opts.ids)) {
			err = fmt.Errorf("%d of %d dead letters not found", int64(len(opts.ids))-moved, len(opts.ids))
		}
		return moved, err
	}
	// The number at the start is the limit. A retried event may fail again and then
	// is a new dead letter at the end, so without a limit this might never finish.
	size, err := q.Size(ctx)
	if err != nil {
		return 0, err
	}
	var moved int64
	last := ""
	for left := size.DeadLetters; left > 0; {
		letters, err := q.DeadLetters(ctx, last, int(min(deadLetterPage, left)))
		if err != nil || len(letters) == 0 {
			return moved, err
		}
		ids := make([]string, len(letters))
		for i, l := range letters {
			ids[i] = l.ID
		}
		n, err := move(ctx, ids)
		if err != nil {
			return moved, err
		}
		moved += n
		left -= int64(len(ids))
		last = ids[len(ids)-1]
	}
	return moved, nil
}
