package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store/audit"
	"github.com/eventagg/eventagg/pkg/store/postgres"
	"github.com/eventagg/eventagg/pkg/store/sqlite"
	"github.com/eventagg/eventagg/pkg/terminal"
)

const verifyLong = `Audits the database: each identity against its event, each event against its identity
and the digest of its content, the counters against the identities, and the order of
the events. With a queue (--broker-url) also its deliveries and its dead letters.

It connects to the database itself, with the configuration of serve, and changes
nothing. Servers may run meanwhile: it covers what was stored when it started. It also
works on a standby of PostgreSQL, and on a copy of the SQLite file, beside which it
writes nothing. Leave out --broker-url for a copy.

--rate limits the load on the database. --resume FILE keeps the progress in a file: if
verify is stopped, the same command continues there. The file is deleted at the end.

Exit code 3 means that there are differences. They are counted, and the first 100 are
listed with their keys.`

const verifyExample = `  eventagg verify
  eventagg verify --database-url postgres://eventagg@localhost/eventagg --rate 5000
  eventagg verify --database-url sqlite:/backup/eventagg.db
  eventagg verify --resume verify.state -o json`

// verifyOptions are the options of `eventagg verify`.
type verifyOptions struct {
	config config.Config
	format outputFormat
	rate   int
	resume string
}

func (o *verifyOptions) configure(c config.Config) { o.config = c }

func (o *verifyOptions) complete(*cobra.Command, []string) error {
	if o.rate < 0 {
		return fmt.Errorf("invalid --rate %d: must be at least 0", o.rate)
	}
	return nil
}

// newVerifyCmd builds `eventagg verify`; see [build] for runF.
func (a *app) newVerifyCmd(runF func(context.Context, verifyOptions) error) *cobra.Command {
	var opts verifyOptions
	cmd := &cobra.Command{
		Use:     "verify",
		Short:   "Audit the database: events, identities, counters, order",
		Long:    verifyLong,
		Example: verifyExample,
	}
	config.AddFlags(cmd.Flags(), "database.url", "database.schema", "database.pooler", "broker.url", "broker.prefix", "broker.streams")
	cmd.Flags().IntVar(&opts.rate, "rate", 0, "maximum number of rows to check a second; 0 means no limit")
	cmd.Flags().StringVar(&opts.resume, "resume", "", "`file` that keeps the progress, to continue after a stop")
	opts.format.addFlag(cmd)
	return build(a, cmd, &opts, runF, a.runVerify)
}

// openAudit opens the database for an audit.
func (d database) openAudit(ctx context.Context) (audit.Source, error) {
	if d.path != "" {
		opened, err := sqlite.OpenAudit(ctx, d.path)
		if err != nil {
			return nil, d.explain(err)
		}
		return opened, nil
	}
	opened, err := postgres.OpenAudit(ctx, d.options())
	if err != nil {
		return nil, d.explain(err)
	}
	return opened, nil
}

func (a *app) runVerify(ctx context.Context, opts verifyOptions) (err error) {
	source, err := newDatabase(opts.config.Database).openAudit(ctx)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer func() { err = errors.Join(err, source.Close()) }()
	if opts.config.Broker.URL == "" {
		return a.verify(ctx, source, nil, opts)
	}
	return withQueue(ctx, opts.config.Broker, func(q queue.Queue) error {
		auditable, ok := q.(queue.Auditable)
		if !ok {
			return fmt.Errorf("verify the queue: a %T can't be audited", q)
		}
		return a.verify(ctx, source, queue.AuditChecks(auditable, source), opts)
	})
}

// verify audits a database, and then a queue with the further checks.
func (a *app) verify(ctx context.Context, source audit.Source, ofQueue []audit.Check, opts verifyOptions) error {
	db := newDatabase(opts.config.Database)
	progress, err := openAuditFile(opts.resume, db.String())
	if err != nil {
		return err
	}
	if progress.state.Bound == "" {
		if progress.state.Bound, err = source.Start(ctx); err != nil {
			return fmt.Errorf("start the audit: %w", err)
		}
	}
	checks, err := source.Checks(progress.state.Bound)
	if err != nil {
		return err
	}
	if err := a.audit(ctx, append(checks, ofQueue...), progress, opts); err != nil {
		return err
	}
	if err := a.writeAudit(db, progress.state, opts.format); err != nil {
		return err
	}
	if err := progress.remove(); err != nil {
		return err
	}
	if found := progress.state.Differences(); found > 0 {
		return &checkError{err: fmt.Errorf("verify the database: %s", differences(found))}
	}
	return nil
}

// audit runs the checks and shows the progress.
func (a *app) audit(ctx context.Context, checks []audit.Check, progress *auditFile, opts verifyOptions) error {
	if err := audit.Prepare(ctx, checks, progress.state); err != nil {
		return fmt.Errorf("verify the database: %w", err)
	}
	if err := progress.save(progress.state); err != nil {
		return err
	}
	began := time.Now()
	shown := terminal.StartProgress(a.errOut, a.interactive(), func() terminal.Frame {
		done, total, found := progress.sizes()
		return terminal.AuditFrame(done, total, found, time.Since(began))
	})
	err := audit.Run(ctx, checks, progress.state, audit.Options{Rate: opts.rate, Save: progress.save})
	shown.Stop()
	err = errors.Join(err, progress.flush())
	if err != nil && opts.resume != "" {
		return withHint(fmt.Errorf("verify the database: %w", err), "Run the same command again to continue.")
	}
	if err != nil {
		return fmt.Errorf("verify the database: %w", err)
	}
	return nil
}

// verifyResult is the result of verify as JSON.
type verifyResult struct {
	Database    string             `json:"database"`
	Differences int64              `json:"differences"`
	Checks      []verifyCheck      `json:"checks"`
	Listed      []audit.Difference `json:"listed"`
	Notes       []string           `json:"notes"`
}

// verifyCheck is the result of one check as JSON.
type verifyCheck struct {
	Name        string  `json:"name"`
	Title       string  `json:"title"`
	Rows        int64   `json:"rows"`
	Differences int64   `json:"differences"`
	Seconds     float64 `json:"seconds"`
}

// writeAudit writes the result.
func (a *app) writeAudit(db database, state *audit.State, format outputFormat) error {
	if format.json() {
		result := verifyResult{
			Database: db.String(), Differences: state.Differences(), Checks: []verifyCheck{},
			Listed: append([]audit.Difference{}, state.Listed...), Notes: append([]string{}, state.Notes...),
		}
		for _, r := range state.Checks {
			result.Checks = append(result.Checks, verifyCheck{Name: r.Name, Title: r.Title, Rows: r.Rows, Differences: r.Differences, Seconds: r.Seconds})
		}
		return writeJSON(a.out, result)
	}
	t := terminal.Table{Heading: []string{"CHECK", "ROWS", "DIFFERENCES", "TIME", "WHAT IT COMPARES"}, Right: []int{1, 2, 3}}
	for _, r := range state.Checks {
		took := loadgen.FormatDuration(time.Duration(r.Seconds * float64(time.Second)))
		t.Add(r.Name, terminal.Count(r.Rows), terminal.Count(r.Differences), took, r.Title)
	}
	if err := t.Write(a.out); err != nil {
		return err
	}
	for _, note := range state.Notes {
		if _, err := fmt.Fprintf(a.out, "\nnote: %s\n", terminal.Printable(note)); err != nil {
			return err
		}
	}
	return a.writeDifferences(state)
}

// writeDifferences writes the list of differences.
func (a *app) writeDifferences(state *audit.State) error {
	if len(state.Listed) == 0 {
		_, err := fmt.Fprintln(a.out, "\nno differences")
		return err
	}
	if _, err := fmt.Fprintln(a.out); err != nil {
		return err
	}
	t := terminal.Table{Heading: []string{"DIFFERENCE", "TOPIC", "EVENT_ID", "DETAIL"}}
	for _, d := range state.Listed {
		t.Add(string(d.Kind), terminal.Printable(d.Topic), terminal.Printable(d.ID), terminal.Printable(d.Detail))
	}
	if err := t.Write(a.out); err != nil {
		return err
	}
	if more := state.Differences() - int64(len(state.Listed)); more > 0 {
		_, err := fmt.Fprintf(a.out, "and %s more\n", terminal.Count(more))
		return err
	}
	return nil
}

// differences formats a number of differences.
func differences(n int64) string {
	if n == 1 {
		return "1 difference"
	}
	return terminal.Count(n) + " differences"
}
