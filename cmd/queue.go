package cmd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/terminal"
)

const queueLong = `Shows the size of the queue, or deletes the events in it. It connects to the queue
itself, so it works without a running server: set --broker-url, EVENTAGG_BROKER_URL or
the key broker.url. Dead letters have a command of their own: eventagg deadletter.

drop deletes events for ever whose senders got the response queued. It also repairs
keys that another program has overwritten. Servers may run meanwhile: they notice it
at the next append. The guide of the queue is: eventagg help queue`

const queueExample = `  eventagg queue size --broker-url redis://localhost
  eventagg queue drop --all --broker-url redis://localhost`

// queueOptions are the options of `eventagg queue size|drop`.
type queueOptions struct {
	drop   bool
	all    bool
	broker config.Broker
	format outputFormat
}

func (o *queueOptions) configure(c config.Config) { o.broker = c.Broker }

func (o *queueOptions) complete(cmd *cobra.Command, _ []string) error {
	o.drop = cmd.Name() == "drop"
	if o.drop && !o.all {
		return errors.New("expected --all: it deletes every queued event for ever")
	}
	return nil
}

// newQueueCmd builds `eventagg queue`; see [build] for runF.
func (a *app) newQueueCmd(runF func(context.Context, queueOptions) error) *cobra.Command {
	parent := &cobra.Command{Use: "queue", Short: "Show the size of the queue, or empty it", Long: queueLong, Example: queueExample}
	onlyCommands(parent)
	for _, cmd := range []*cobra.Command{
		{Use: "size", Short: "Show how many events are queued"},
		{Use: "drop", Short: "Delete all queued events for ever"},
	} {
		var opts queueOptions
		config.AddFlags(cmd.Flags(), "broker.url", "broker.prefix", "broker.streams")
		if cmd.Name() == "drop" {
			cmd.Flags().BoolVar(&opts.all, "all", false, "all queued events (required)")
		}
		opts.format.addFlag(cmd)
		parent.AddCommand(build(a, cmd, &opts, runF, a.runQueue))
	}
	return parent
}

func (a *app) runQueue(ctx context.Context, opts queueOptions) error {
	return withQueue(ctx, opts.broker, func(q queue.Queue) error { return a.queue(ctx, q, opts) })
}

// withQueue opens the queue for a command that works without a server.
func withQueue(ctx context.Context, broker config.Broker, run func(queue.Queue) error) error {
	if broker.URL == "" {
		return &usageError{err: errors.New("no queue: broker.url is empty"), hint: "Set --broker-url redis://HOST:PORT, or EVENTAGG_BROKER_URL."}
	}
	q, err := openQueue(ctx, broker, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	// The Redis client does not look at ctx while it waits for a response. Without
	// connections it stops at once.
	stop := context.AfterFunc(ctx, func() { _ = q.Close() })
	err = run(q)
	if !stop() {
		return errors.Join(err, ctx.Err())
	}
	err = errors.Join(err, q.Close())
	if errors.Is(err, store.ErrUnavailable) { // an invalid ID or a full disk has another hint
		return withHint(err, "The queue is %s; use --broker-url for another.", config.Redact(broker.URL))
	}
	return err
}

// queueSize is the result of `queue size` as JSON.
type queueSize struct {
	Events      int64 `json:"events"`
	Bytes       int64 `json:"bytes"`
	DeadLetters int64 `json:"dead_letters"`
}

// queueDropped is the result of `queue drop` as JSON.
type queueDropped struct {
	Events int64 `json:"events"`
}

func (a *app) queue(ctx context.Context, q queue.Queue, opts queueOptions) error {
	if opts.drop {
		dropped, err := q.Purge(ctx)
		if err != nil {
			return err
		}
		if opts.format.json() {
			return writeJSON(a.out, queueDropped{Events: dropped})
		}
		_, err = fmt.Fprintf(a.out, "%s dropped\n", terminal.Events(dropped))
		return err
	}
	size, err := q.Size(ctx)
	if err != nil {
		return err
	}
	if opts.format.json() {
		return writeJSON(a.out, queueSize(size))
	}
	t := terminal.Table{Heading: []string{"QUEUED", "BYTES", "DEAD LETTERS"}, Right: []int{0, 1, 2}}
	t.Add(terminal.Count(size.Events), terminal.Count(size.Bytes), terminal.Count(size.DeadLetters))
	return t.Write(a.out)
}
