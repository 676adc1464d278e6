package cmd

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/terminal"
)

const duplicatesLong = `Shows which keys were repeated, how often, when and by which sources. The key with the
latest duplicate comes first. If a duplicate differs from the stored event, which is a
conflict, DIFFERING names the members that differ.

The reports are for finding the cause of duplicates. The server keeps the newest keys of
each topic, writes them about a second after the response, and under a flood of
duplicates leaves some out. 'eventagg stats' has the exact numbers.`

const duplicatesExample = `  eventagg duplicates
  eventagg duplicates --conflict --topic user_login
  eventagg duplicates --limit 1000 -o json | jq -r '.[].sources[]' | sort | uniq -c`

// duplicatesOptions are the options of `eventagg duplicates`.
type duplicatesOptions struct {
	client config.Client
	format outputFormat
	query  store.DuplicateQuery
}

func (o *duplicatesOptions) configure(c config.Config) { o.client = c.Client }

func (o *duplicatesOptions) complete(*cobra.Command, []string) error {
	if o.query.Limit < 0 {
		return fmt.Errorf("invalid --limit %d: must be at least 0", o.query.Limit)
	}
	return nil
}

// duplicatesTarget is the part of a client that duplicates uses.
type duplicatesTarget interface {
	Duplicates(ctx context.Context, query store.DuplicateQuery) ([]store.DuplicateReport, error)
}

// newDuplicatesCmd builds `eventagg duplicates`; see [build] for runF.
func (a *app) newDuplicatesCmd(runF func(context.Context, duplicatesOptions) error) *cobra.Command {
	var opts duplicatesOptions
	cmd := &cobra.Command{
		Use:     "duplicates",
		Short:   "Show which keys were repeated, and what differs",
		Long:    duplicatesLong,
		Example: duplicatesExample,
	}
	config.AddFlags(cmd.Flags(), "client")
	cmd.Flags().StringVar(&opts.query.Topic, "topic", "", "only keys of this topic")
	cmd.Flags().BoolVar(&opts.query.Conflicts, "conflict", false, "only keys with a duplicate that differs from the stored event")
	cmd.Flags().IntVarP(&opts.query.Limit, "limit", "n", 10, "maximum number of keys, 0 for all")
	opts.format.addFlag(cmd)
	return build(a, cmd, &opts, runF, a.runDuplicates)
}

func (a *app) runDuplicates(ctx context.Context, opts duplicatesOptions) error {
	c, err := a.dial(ctx, opts.client, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	return a.showDuplicates(ctx, c, opts)
}

// showDuplicates writes the reports.
func (a *app) showDuplicates(ctx context.Context, target duplicatesTarget, opts duplicatesOptions) error {
	reports, err := target.Duplicates(ctx, opts.query)
	if err != nil {
		return explainUnreachable(opts.client.URL, err)
	}
	if opts.format.json() {
		rows := make([]api.Duplicate, len(reports))
		for i := range reports {
			rows[i] = api.NewDuplicate(&reports[i])
		}
		return writeJSON(a.out, rows)
	}
	if len(reports) == 0 {
		_, _ = fmt.Fprintln(a.errOut, "no key was repeated")
		return nil
	}
	return terminal.WriteDuplicates(a.out, reports)
}
