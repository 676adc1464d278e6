package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

const deadletterLong = `Shows the events that were queued and could not be stored, with the reason, and
puts them back into the queue or removes them. It talks to the broker itself, so
it works while no server runs; --broker-url, EVENTAGG_BROKER_URL or the key
broker.url says which. One that is put back and refused again has a new ID.`

const deadletterExample = `  eventagg deadletter list --broker-url redis://localhost
  eventagg deadletter retry --broker-url redis://localhost 1766145600000-0-0
  EVENTAGG_BROKER_URL=redis://localhost eventagg deadletter drop --all`

// deadletterOptions is what the arguments of `eventagg deadletter …` say.
type deadletterOptions struct {
	broker config.Broker
	format outputFormat
	limit  int
	ids    []string
	all    bool
}

// deadLetter is one as `deadletter list -o json` prints it, one a line.
type deadLetter struct {
	ID         string          `json:"id"`
	Reason     string          `json:"reason"`
	QueuedAt   time.Time       `json:"queued_at"`
	BuriedAt   time.Time       `json:"buried_at"`
	Deliveries int64           `json:"deliveries"`
	Event      json.RawMessage `json:"event,omitempty"`
	Text       string          `json:"text,omitempty"`
}

// deadletterResult is what retry and drop print with -o json.
type deadletterResult struct {
	Events int64 `json:"events"`
}

// newDeadletterCmd builds `eventagg deadletter`.
func (a *app) newDeadletterCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "deadletter",
		Short:   "List, retry or drop queued events that can't be stored",
		Long:    deadletterLong,
		Example: deadletterExample,
	}
	onlyCommands(cmd)
	cmd.AddCommand(
		a.newDeadletterListCmd(),
		a.newDeadletterMoveCmd("retry", "Put dead letters back into the queue", "put back into the queue", queue.Queue.Retry),
		a.newDeadletterMoveCmd("drop", "Remove dead letters for ever", "dropped", queue.Queue.Drop),
	)
	return cmd
}

func (a *app) newDeadletterListCmd() *cobra.Command {
	var opts deadletterOptions
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List dead letters, the oldest first",
		Args:  noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if opts.limit < 1 {
				return &usageError{err: fmt.Errorf("--limit must be at least 1, is %d", opts.limit), hint: helpHint(cmd)}
			}
			return a.withBroker(cmd, &opts, func(ctx context.Context, waiting queue.Queue) error {
				return a.listDeadLetters(ctx, waiting, opts)
			})
		},
	}
	config.AddFlags(cmd.Flags(), "broker.url", "broker.prefix", "broker.streams")
	cmd.Flags().IntVarP(&opts.limit, "limit", "n", 100, "how many to show at most")
	opts.format.addFlag(cmd)
	return cmd
}

// newDeadletterMoveCmd builds a command that does something with dead letters
// that are named, or with all.
func (a *app) newDeadletterMoveCmd(name, short, done string, move func(queue.Queue, context.Context, []string) (int64, error)) *cobra.Command {
	var opts deadletterOptions
	cmd := &cobra.Command{
		Use:   name + " [ID …]",
		Short: short,
		RunE: func(cmd *cobra.Command, args []string) error {
			if opts.ids = args; opts.all == (len(args) > 0) {
				return &usageError{err: errors.New("name the dead letters by their IDs, or give --all"), hint: helpHint(cmd)}
			}
			return a.withBroker(cmd, &opts, func(ctx context.Context, waiting queue.Queue) error {
				moved, err := moveDeadLetters(ctx, waiting, opts, move)
				if err != nil {
					return err
				}
				if opts.format.json() {
					return writeJSON(a.out, deadletterResult{Events: moved})
				}
				_, err = fmt.Fprintf(a.out, "%s %s\n", formatEvents(moved), done)
				return err
			})
		},
	}
	config.AddFlags(cmd.Flags(), "broker.url", "broker.prefix", "broker.streams")
	cmd.Flags().BoolVar(&opts.all, "all", false, "all there are")
	opts.format.addFlag(cmd)
	return cmd
}

func formatEvents(n int64) string {
	if n == 1 {
		return "1 event"
	}
	return formatCount(n) + " events"
}

// withBroker opens the broker for one command.
func (a *app) withBroker(cmd *cobra.Command, opts *deadletterOptions, do func(context.Context, queue.Queue) error) error {
	c, err := a.config(cmd)
	if err != nil {
		return err
	}
	if opts.broker = c.Broker; opts.broker.URL == "" {
		return &usageError{err: errors.New("there is no broker: broker.url is empty"), hint: "Name it: --broker-url redis://HOST:PORT, or EVENTAGG_BROKER_URL."}
	}
	waiting, err := openBroker(cmd.Context(), opts.broker, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	err = errors.Join(do(cmd.Context(), waiting), waiting.Close())
	if errors.Is(err, store.ErrUnavailable) { // and not an ID that is none, or a disk that is full
		return withHint(err, "The broker is %s; --broker-url names another.", config.Redact(opts.broker.URL))
	}
	return err
}

// deadPage is how many dead letters are asked for at a time.
const deadPage = 100

func (a *app) listDeadLetters(ctx context.Context, waiting queue.Queue, opts deadletterOptions) error {
	t := table{heading: []string{"ID", "DELIVERIES", "BURIED", "TOPIC", "EVENT_ID", "REASON"}, right: []int{1}}
	last, shown := "", 0
	for shown < opts.limit {
		letters, err := waiting.DeadLetters(ctx, last, min(deadPage, opts.limit-shown))
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
			t.add(l.ID, formatCount(l.Deliveries), formatMoment(l.FailedAt), printable(l.Event.Topic), printable(l.Event.ID), printable(l.Reason))
		}
		shown += len(letters)
		last = letters[len(letters)-1].ID
	}
	if shown == 0 {
		if opts.format.json() {
			return nil
		}
		_, err := fmt.Fprintln(a.out, "no dead letters")
		return err
	}
	if !opts.format.json() {
		if err := t.write(a.out); err != nil {
			return err
		}
	}
	return a.tellOfMore(ctx, waiting, shown, last)
}

// tellOfMore says that the limit has left some out: what looks whole is taken
// for whole.
func (a *app) tellOfMore(ctx context.Context, waiting queue.Queue, shown int, last string) error {
	more, err := waiting.DeadLetters(ctx, last, 1)
	if err != nil || len(more) == 0 {
		return err
	}
	size, err := waiting.Size(ctx)
	if err != nil {
		return err
	}
	all := max(size.DeadLetters, int64(shown)+1) // some may have come or gone meanwhile
	_, err = fmt.Fprintf(a.errOut, "These are the oldest %s of %s; --limit %d shows all.\n", formatCount(int64(shown)), formatCount(all), all)
	return err
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

// moveDeadLetters does something with the dead letters that opts names.
func moveDeadLetters(ctx context.Context, waiting queue.Queue, opts deadletterOptions, move func(queue.Queue, context.Context, []string) (int64, error)) (int64, error) {
	if !opts.all {
		moved, err := move(waiting, ctx, opts.ids)
		if err == nil && moved < int64(len(opts.ids)) {
			err = fmt.Errorf("%d of %d dead letters are not there (any more)", int64(len(opts.ids))-moved, len(opts.ids))
		}
		return moved, err
	}
	size, err := waiting.Size(ctx)
	if err != nil {
		return 0, err
	}
	// What is put back and dies again comes behind all others, and is a dead
	// letter once more: without an end there would be none.
	var total int64
	last := ""
	for seen := int64(0); ; {
		limit := min(deadPage, size.DeadLetters-seen)
		if limit <= 0 {
			return total, nil
		}
		letters, err := waiting.DeadLetters(ctx, last, int(limit))
		if err != nil || len(letters) == 0 {
			return total, err
		}
		ids := make([]string, len(letters))
		for i, l := range letters {
			ids[i] = l.ID
		}
		moved, err := move(waiting, ctx, ids)
		if err != nil {
			return total, err
		}
		total += moved
		seen += int64(len(ids))
		last = ids[len(ids)-1]
	}
}
