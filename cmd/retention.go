package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/retention"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/terminal"
)

const retentionLong = `Drops the data of events that are older than retention.max_age, and deletes identities
that are older than retention.identity_max_age. A server does the same by itself, every
sixteenth of the age; this command does it once, now. Servers may run meanwhile.

The counters keep counting dropped events, and a repeat of a dropped event is a duplicate
as long as its identity is there. PostgreSQL drops whole partitions, so some events stay
longer than the age, by up to an eighth of it (from an hour to a week).

--dry-run changes nothing and shows what would be dropped.`

const retentionExample = `  eventagg retention --dry-run --retention-max-age 720h
  eventagg retention --database-url postgres://eventagg@localhost/eventagg --retention-max-age 720h
  eventagg retention --dry-run -o json`

// retentionOptions are the options of `eventagg retention`.
type retentionOptions struct {
	config config.Config
	format outputFormat
	dryRun bool
}

func (o *retentionOptions) configure(c config.Config) { o.config = c }

func (o *retentionOptions) complete(*cobra.Command, []string) error { return nil }

// newRetentionCmd builds `eventagg retention`; see [build] for runF.
func (a *app) newRetentionCmd(runF func(context.Context, retentionOptions) error) *cobra.Command {
	var opts retentionOptions
	cmd := &cobra.Command{
		Use:     "retention",
		Short:   "Drop events that are too old, or show which they are",
		Long:    retentionLong,
		Example: retentionExample,
	}
	config.AddFlags(cmd.Flags(), "database.url", "database.schema", "database.pooler", "retention")
	cmd.Flags().BoolVar(&opts.dryRun, "dry-run", false, "show what would be dropped, and drop nothing")
	opts.format.addFlag(cmd)
	return build(a, cmd, &opts, runF, a.runRetention)
}

func agesOf(c config.Retention) retention.Ages {
	return retention.Ages{Data: c.MaxAge, Identities: c.IdentityMaxAge}
}

// retentionResult is the result of retention as JSON.
type retentionResult struct {
	Database         string     `json:"database"`
	DryRun           bool       `json:"dry_run"`
	DataBefore       time.Time  `json:"data_before"`
	IdentitiesBefore *time.Time `json:"identities_before,omitempty"`
	// Events and Bytes are what was dropped, or would be. Bytes is that of the parts.
	Events int64 `json:"events"`
	Bytes  int64 `json:"bytes"`
	// Identities is the number that was deleted. With DryRun it is not known.
	Identities *int64 `json:"identities,omitempty"`
	// Blocked is set if a long transaction prevented a part of it.
	Blocked bool `json:"blocked"`
	// Oldest is when the oldest event that stays was stored, nil if there is none.
	Oldest *time.Time      `json:"oldest,omitempty"`
	Parts  []retentionPart `json:"parts"`
}

// retentionPart is a part of the data as JSON.
type retentionPart struct {
	From   time.Time `json:"from"`
	Until  time.Time `json:"until"`
	Events int64     `json:"events"`
	Bytes  int64     `json:"bytes"`
	Drop   bool      `json:"drop"`
}

func (a *app) runRetention(ctx context.Context, opts retentionOptions) (err error) {
	if opts.config.Retention.MaxAge == 0 {
		return &usageError{err: errors.New("retention.max_age is not set; set it, or give --retention-max-age 720h for example")}
	}
	db := newDatabase(opts.config.Database)
	c := opts.config
	c.Retention.MaxAge = 0 // a server decides about partitions
	opened, err := db.open(ctx, c, slog.New(slog.DiscardHandler))
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	now := time.Now()
	ages := agesOf(opts.config.Retention)
	old := ages.At(now)
	held, err := opened.Holdings(ctx, old)
	if err != nil {
		return fmt.Errorf("read what is stored: %w", err)
	}
	result := newRetentionResult(db, old, held)
	result.DryRun = opts.dryRun
	if !opts.dryRun {
		dropped, err := retention.Round(ctx, retention.Options{Store: opened, Ages: ages, Now: func() time.Time { return now }})
		if err != nil {
			return fmt.Errorf("drop old data: %w", err)
		}
		result.Events, result.Identities, result.Blocked = dropped.Events, &dropped.Identities, dropped.Blocked
	}
	if opts.format.json() {
		err = writeJSON(a.out, result)
	} else {
		err = result.write(a.out)
	}
	if err == nil && result.Blocked {
		err = withHint(errors.New("a long transaction of another program uses what should be dropped"), "Find it in pg_stat_activity, by xact_start, and try again when it has ended.")
	}
	return err
}

func newRetentionResult(db database, old store.Retention, held store.Holdings) retentionResult {
	result := retentionResult{Database: db.String(), DataBefore: old.DataBefore.UTC(), Parts: []retentionPart{}}
	if !old.IdentitiesBefore.IsZero() {
		result.IdentitiesBefore = new(old.IdentitiesBefore.UTC())
	}
	for _, part := range held.Parts {
		if part.Events == 0 && !part.Droppable {
			continue // for later events
		}
		result.Parts = append(result.Parts, retentionPart{From: part.From, Until: part.Until, Events: part.Events, Bytes: part.Bytes, Drop: part.Droppable})
		if part.Droppable {
			result.Events += part.Events
			result.Bytes += part.Bytes
		} else if result.Oldest == nil {
			result.Oldest = new(part.From)
			if held.Oldest.After(part.From) {
				result.Oldest = new(held.Oldest)
			}
		}
	}
	return result
}

// write writes the result as a table.
func (r retentionResult) write(out io.Writer) error {
	const layout = "2006-01-02 15:04:05Z"
	t := terminal.Table{Heading: []string{"FROM", "UNTIL", "EVENTS", "SIZE", ""}, Right: []int{2, 3}}
	for _, part := range r.Parts {
		verdict := "stays"
		switch {
		case part.Drop && r.DryRun:
			verdict = "would be dropped"
		case part.Drop:
			verdict = "dropped"
		}
		t.Add(part.From.Format(layout), part.Until.Format(layout), terminal.Count(part.Events), terminal.Bytes(part.Bytes), verdict)
	}
	if err := t.Write(out); err != nil {
		return err
	}
	text := fmt.Sprintf("\ndropped %s events from before %s", terminal.Count(r.Events), r.DataBefore.Format(layout))
	switch {
	case r.DryRun:
		text = fmt.Sprintf("\nwould drop %s events from before %s, about %s", terminal.Count(r.Events), r.DataBefore.Format(layout), terminal.Bytes(r.Bytes))
	case r.IdentitiesBefore != nil:
		text += fmt.Sprintf(", and %s identities", terminal.Count(*r.Identities))
	}
	_, err := fmt.Fprintln(out, text)
	return err
}

// openRetention drops old data until the service is closed, if that is configured.
func (s *service) openRetention(ctx context.Context, c config.Config, events store.Store, log *slog.Logger) {
	ages := agesOf(c.Retention)
	s.metrics.WatchHoldings(func(ctx context.Context) (store.Holdings, error) { return events.Holdings(ctx, store.Retention{}) },
		func(held store.Holdings) time.Duration { return retention.Overdue(held, ages.Data, time.Now()) })
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan struct{})
	go func() {
		defer close(done)
		retention.Run(running, retention.Options{Store: events, Ages: ages, Logger: log, OnStep: s.metrics.RecordRetained})
	}()
	s.open.push("retention", func(context.Context) error {
		stop()
		<-done
		return nil
	})
}
