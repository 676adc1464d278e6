package cmd

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/doctor"
)

const doctorLong = `Checks everything that the guarantee rests on, and says which guarantee holds here:
what an acknowledged event survives, whether events are stored exactly once across
instances, and whether the response queued (202) is durable. Each finding has its fix.

It reads the same configuration as serve, connects to the database and the queue itself,
and changes nothing. Servers may run meanwhile. A check that the role of the database may
not make is reported as unknown.

Exit code 3 means that the promised guarantee does not hold, or that events can't be
stored. Exit code 1 means that the database or the queue can't be reached.`

// Timeouts of doctor.
const (
	inspectTimeout   = 30 * time.Second // of one dependency
	integrityTimeout = 10 * time.Second // of the check of all pages of SQLite
)

// doctorOptions are the options of `eventagg doctor`.
type doctorOptions struct {
	unchecked

	config config.Config
	format outputFormat
}

func (o *doctorOptions) configure(c config.Config) { o.config = c }

// newDoctorCmd builds `eventagg doctor`; see [build] for runF.
func (a *app) newDoctorCmd(runF func(context.Context, doctorOptions) error) *cobra.Command {
	var opts doctorOptions
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Check what the guarantee rests on, and say which guarantee holds",
		Long:  doctorLong,
		Example: `  eventagg doctor
  eventagg doctor --config /etc/eventagg/eventagg.yaml
  eventagg doctor --database-url postgres://eventagg@localhost/eventagg --broker-url redis://localhost
  eventagg doctor -o json | jq '.findings[] | select(.level != "ok")'`,
	}
	config.AddFlags(cmd.Flags(), "http", "auth", "tls", "database", "ingest", "duplicates", "retention", "broker")
	opts.format.addFlag(cmd)
	return build(a, cmd, &opts, runF, a.runDoctor)
}

// doctorResult is the result of doctor as JSON.
type doctorResult struct {
	Database string `json:"database"`
	Queue    string `json:"queue,omitempty"`
	doctor.Report
}

func (a *app) runDoctor(ctx context.Context, opts doctorOptions) error {
	facts := gatherFacts(ctx, opts.config)
	if err := ctx.Err(); err != nil {
		return err
	}
	result := doctorResult{
		Database: newDatabase(opts.config.Database).String(), Queue: config.Redact(opts.config.Broker.URL), Report: doctor.Judge(facts),
	}
	write := a.printReport
	if opts.format.json() {
		write = func(r doctorResult) error { return writeJSON(a.out, r) }
	}
	if err := write(result); err != nil {
		return err
	}
	if result.Holds == doctor.No {
		return &checkError{fmt.Errorf("the promised guarantee does not hold: %s", strings.Join(result.Failures(), ", "))}
	}
	return errors.Join(facts.DatabaseError, facts.QueueError)
}
