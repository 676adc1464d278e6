package cmd

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/terminal"
)

const statsLong = `Shows the number of events that a server has received, stored and recognized as
duplicates. The numbers come from the database: they include all instances and
survive restarts.

--watch shows them again every --interval, with rates. On a terminal it redraws in
place, with the busiest topics and the trend of each. Otherwise it prints a line
each time.`

const statsExample = `  eventagg stats
  eventagg stats --topics
  eventagg stats --watch --interval 5s
  eventagg stats -o json | jq .unique_processed`

// statsOptions are the options of `eventagg stats`.
type statsOptions struct {
	client   config.Client
	format   outputFormat
	topics   bool
	limit    int
	watch    bool
	interval time.Duration
}

// defaultTopics is the default of --limit. There may be hundreds of thousands of
// topics, and reading all of them takes many requests.
const defaultTopics = 1000

// minInterval is the minimum of --interval.
const minInterval = 10 * time.Millisecond

func (o *statsOptions) complete(*cobra.Command, []string) error {
	if o.interval < minInterval {
		return fmt.Errorf("invalid --interval %v: must be at least %v", o.interval, minInterval)
	}
	if o.limit < 0 {
		return fmt.Errorf("invalid --limit %d: must be at least 0", o.limit)
	}
	return nil
}

func (o *statsOptions) configure(c config.Config) { o.client = c.Client }

// statsTarget is the part of a client that stats uses.
type statsTarget interface {
	Totals(ctx context.Context) (api.Stats, error)
	TopicStats(ctx context.Context, query store.TopicQuery) ([]store.TopicStats, error)
}

// newStatsCmd builds `eventagg stats`; see [build] for runF.
func (a *app) newStatsCmd(runF func(context.Context, statsOptions) error) *cobra.Command {
	var opts statsOptions
	cmd := &cobra.Command{
		Use:     "stats",
		Short:   "Show how many events are received, stored and duplicates",
		Long:    statsLong,
		Example: statsExample,
	}
	config.AddFlags(cmd.Flags(), "client")
	cmd.Flags().BoolVar(&opts.topics, "topics", false, "show a row per topic, busiest first")
	cmd.Flags().IntVar(&opts.limit, "limit", defaultTopics, "maximum number of topics of --topics, 0 for all")
	cmd.Flags().BoolVarP(&opts.watch, "watch", "w", false, "show the numbers again and again, with rates, until Ctrl-C")
	cmd.Flags().DurationVar(&opts.interval, "interval", time.Second, "time between two requests of --watch")
	opts.format.addFlag(cmd)
	return build(a, cmd, &opts, runF, a.runStats)
}

func (a *app) runStats(ctx context.Context, opts statsOptions) error {
	c, err := a.dial(ctx, opts.client, nil)
	if err != nil {
		return err
	}
	defer c.Close()
	return a.showStats(ctx, c, opts)
}

// showStats writes the numbers once, or each interval until ctx ends.
func (a *app) showStats(ctx context.Context, target statsTarget, opts statsOptions) error {
	view := a.newStatsView(opts)
	now, err := view.sample(ctx, target)
	if err != nil {
		return explainUnreachable(opts.client.URL, err)
	}
	if !opts.watch {
		return a.writeStats(now, opts)
	}
	if err := view.show(now, terminal.Sample{}); err != nil {
		return err
	}
	ticker := time.NewTicker(opts.interval)
	defer ticker.Stop()
	reachability := a.newReachability()
	for {
		select {
		case <-ctx.Done():
			view.screen.End()
			return ctx.Err()
		case <-ticker.C:
		}
		next, err := view.sample(ctx, target)
		switch {
		case ctx.Err() != nil:
			view.screen.End()
			return ctx.Err()
		case err != nil && !store.Temporary(err):
			return explainUnreachable(opts.client.URL, err)
		case err != nil:
			reachability(err)
			view.screen.KeepLast()
			continue
		}
		reachability(nil)
		if next.ResetSince(now) {
			now = terminal.Sample{} // a rate between two databases has no meaning
		}
		if err := view.show(next, now); err != nil {
			return err
		}
		now = next
	}
}

// writeStats writes a sample once.
func (a *app) writeStats(s terminal.Sample, opts statsOptions) error {
	switch {
	case opts.format.json() && opts.topics:
		a.noteCut(&s, opts)
		return writeJSON(a.out, topicRows(s.Topics))
	case opts.format.json():
		return writeJSON(a.out, s.Totals)
	case opts.topics:
		a.noteCut(&s, opts)
		return terminal.WriteTopics(a.out, s.Topics)
	default:
		return terminal.WriteTotals(a.out, s.Totals)
	}
}

// noteCut removes the topics after --limit and reports that there are more.
func (a *app) noteCut(s *terminal.Sample, opts statsOptions) {
	if opts.limit > 0 && len(s.Topics) > opts.limit {
		s.Topics = s.Topics[:opts.limit]
		_, _ = fmt.Fprintf(a.errOut, "only the %s busiest topics are shown; use --limit for more\n", terminal.Count(int64(opts.limit)))
	}
}

func topicRows(topics []store.TopicStats) []api.TopicStats {
	rows := make([]api.TopicStats, len(topics))
	for i, t := range topics {
		rows[i] = api.TopicStats{
			Topic: t.Topic, Stored: t.Stored, Duplicates: t.Duplicates, Conflicts: t.Conflicts, FirstSeen: t.FirstSeen, LastSeen: t.LastSeen,
		}
	}
	return rows
}

// statsView requests and shows samples for --watch.
type statsView struct {
	screen         *terminal.Screen
	totals, topics bool          // to request
	json           *json.Encoder // nil for the screen
	jsonTopics     bool
	limit          int // of topics, 0 for all
}

func (a *app) newStatsView(opts statsOptions) *statsView {
	view := &statsView{screen: terminal.NewScreen(a.out, opts.topics), totals: !opts.topics, topics: opts.topics, jsonTopics: opts.topics}
	if opts.limit > 0 && !opts.watch {
		view.limit = opts.limit + 1 // one more shows whether there are more
	} else {
		view.limit = opts.limit
	}
	if opts.format.json() {
		view.json = json.NewEncoder(terminal.JSONWriter(a.out))
	} else if opts.watch && view.screen.Redraws() {
		view.topics, view.limit = true, terminal.MaxTopics
	}
	return view
}

// sample requests what the view shows.
func (v *statsView) sample(ctx context.Context, target statsTarget) (s terminal.Sample, err error) {
	if v.totals {
		s.Totals, err = target.Totals(ctx)
	}
	if v.topics && err == nil {
		s.Topics, err = target.TopicStats(ctx, store.TopicQuery{Limit: v.limit})
	}
	s.At = time.Now()
	return s, err
}

// watchedStats is what `stats --watch -o json` prints, one object a line.
type watchedStats struct {
	Time time.Time `json:"time"`
	api.Stats

	ReceivedPerSecond *float64 `json:"received_per_second,omitempty"`
	StoredPerSecond   *float64 `json:"stored_per_second,omitempty"`
}

// show writes a sample with the rates since before, if that is not zero.
func (v *statsView) show(now, before terminal.Sample) error {
	switch {
	case v.json == nil:
		return v.screen.Show(now, before)
	case v.jsonTopics:
		return v.json.Encode(topicRows(now.Topics))
	}
	line := watchedStats{Time: now.At.UTC(), Stats: now.Totals}
	if !before.At.IsZero() && now.At.After(before.At) {
		received, stored := now.Rates(before)
		line.ReceivedPerSecond, line.StoredPerSecond = &received, &stored
	}
	return v.json.Encode(line)
}
