package cmd

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/loadgen"
)

const publishLong = `Sends events to a server, counts what became of each, and measures how long the
answers took: made-up events of which an exact share repeats an earlier one, or
the lines of a file (NDJSON, one event a line; gzip and zstd are unpacked). Each
is a request of its own, unless --batch-size or --ndjson puts several into one.

Repeats may race or overtake the event they repeat. With --rate the plan stands
whatever the server does, and latency counts from the planned moment. Where a
request has several events, latency is that of the whole request; the rate is of
events all the same.

Requests that find the server overloaded or away (no connection, 408, 429, 502,
503, 504) are sent again, with growing random waits, for --retry-for. When nobody
is answered for that long, the run ends. Other errors are final: 413 and 422
count as invalid, all else as failed. "queued" counts events that a broker holds
for the server (202); a server without one queues nothing, and it is 0.

--verify remembers every answer and proves at the end that no event was answered
success twice and that each one answered is stored as it was sent. Where nothing
was answered nothing is proven. It doesn't go with --ndjson, where the server
answers totals.

--fail-if METRIC OPERATOR VALUE can be given several times. Metrics: p50, p90,
p99, p99.9 and max with a duration; rate (events/s), sent, success, ignored,
invalid, failed and retried with a number. Operators: > >= < <=.`

const publishExample = `  eventagg publish --count 20000 --dup-rate 0.3 --verify
  eventagg publish --rate 2000 --duration 30s --fail-if 'p99>50ms' --fail-if 'failed>0'
  eventagg publish --file events.ndjson --batch-size 1000 --gzip
  jq -c '.[]' events.json | eventagg publish --file -`

// publishOptions is what the arguments of `eventagg publish` say.
type publishOptions struct {
	url    string
	format outputFormat
	// made describes made-up events; of a file, DupRate and Seed alone count.
	made loadgen.GeneratorOptions
	// seeded says that the seed was given, so that the keys may be known to
	// the server from an earlier run.
	seeded bool
	// file is the path of the file to send; "-" is standard input, and empty
	// makes events up.
	file        string
	send        loadgen.Options
	ndjson      bool
	gzip        bool
	wait        bool
	waitTimeout time.Duration
	verify      bool
	checks      []loadgen.Check
}

// The defaults of publish where they aren't those of package loadgen.
const (
	defaultCount   = 20_000
	defaultDupRate = 0.3
	defaultLines   = 1000
	maxConcurrency = 10_000
	maxBatchSize   = 100_000
)

// newPublishCmd builds `eventagg publish`. runF replaces what it does; nil is
// the real thing.
func (a *app) newPublishCmd(runF func(context.Context, publishOptions) error) *cobra.Command {
	var (
		opts   publishOptions
		failIf []string
	)
	if runF == nil {
		runF = a.runPublish
	}
	cmd := &cobra.Command{
		Use:     "publish",
		Short:   "Send events to a server, measure and verify",
		Long:    publishLong,
		Example: publishExample,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := opts.complete(cmd.Flags(), failIf); err != nil {
				return &usageError{err: err, hint: helpHint(cmd)}
			}
			c, err := a.config(cmd)
			if err != nil {
				return err
			}
			opts.url = c.Client.URL
			return runF(cmd.Context(), opts)
		},
	}
	config.AddFlags(cmd.Flags(), "client")
	opts.addFlags(cmd.Flags(), &failIf)
	opts.format.addFlag(cmd)
	return cmd
}

func (o *publishOptions) addFlags(flags *pflag.FlagSet, failIf *[]string) {
	flags.Int64Var(&o.made.Count, "count", defaultCount, "events to send, repeats included; without end where only --duration is given")
	flags.Float64Var(&o.made.DupRate, "dup-rate", defaultDupRate, "share that repeats an earlier event (default with --file: 0)")
	flags.IntVar(&o.send.Concurrency, "concurrency", loadgen.DefaultConcurrency, "requests in flight at most")
	flags.Float64Var(&o.send.Rate, "rate", 0, "events a second to plan (0: as fast as the answers come)")
	flags.DurationVar(&o.send.Duration, "duration", 0, "begin nothing after this time (0: no limit)")
	flags.IntVar(&o.send.BatchSize, "batch-size", 1, "events to a request, more than one as an array; latency is the request's (default with --ndjson: 1000)")
	flags.BoolVar(&o.ndjson, "ndjson", false, "send one event a line; the server then answers totals")
	flags.BoolVar(&o.gzip, "gzip", false, "compress what is sent")
	flags.DurationVar(&o.send.RetryFor, "retry-for", loadgen.DefaultRetryFor, "how long a request is sent again (0: never)")
	flags.IntVar(&o.made.Topics, "topics", loadgen.DefaultTopics, "number of topics of made-up events")
	flags.StringVar(&o.made.Source, "source", loadgen.DefaultSource, "source of made-up events")
	flags.IntVar(&o.made.PayloadBytes, "payload-bytes", loadgen.DefaultPayloadBytes, "about how long a made-up payload is")
	flags.Uint64Var(&o.made.Seed, "seed", 0, "make the same events as every run with this seed (default: new ones each run)")
	flags.StringVar(&o.file, "file", "", "send the events of a `path` (NDJSON, also gzip or zstd) instead of made-up ones; - is standard input")
	flags.BoolVar(&o.wait, "wait", false, "wait until the server is ready")
	flags.DurationVar(&o.waitTimeout, "wait-timeout", time.Minute, "how long --wait waits")
	flags.BoolVar(&o.verify, "verify", false, "prove every answer at the end; exit 3 if one doesn't hold, or there is none")
	flags.StringArrayVar(failIf, "fail-if", nil, "exit 3 if this `condition` holds, such as 'p99>50ms'; repeatable")
}

// complete checks what was given against each other and fills in what follows
// from it. The error names every fault.
func (o *publishOptions) complete(flags *pflag.FlagSet, failIf []string) error {
	faults := o.conflicts(flags)
	for _, text := range failIf {
		check, err := loadgen.ParseCheck(text)
		if err != nil {
			faults = append(faults, fmt.Errorf("--fail-if %w", err))
			continue
		}
		o.checks = append(o.checks, check)
	}
	o.seeded = flags.Changed("seed")
	switch {
	case o.file != "":
		if !flags.Changed("dup-rate") {
			o.made.DupRate = 0
		}
	case flags.Changed("count"):
		if o.made.Count < 1 {
			faults = append(faults, errors.New("--count must be at least 1; leave it out and give --duration for a run without end"))
		}
	case o.send.Duration > 0:
		o.made.Count = 0
	}
	if o.ndjson && !flags.Changed("batch-size") {
		o.send.BatchSize = defaultLines
	}
	if o.send.RetryFor == 0 {
		o.send.RetryFor = -1
	}
	return errors.Join(append(faults, o.sourceFaults()...)...)
}

// conflicts lists values out of range and flags that don't go together.
func (o *publishOptions) conflicts(flags *pflag.FlagSet) []error {
	var faults []error
	refuse := func(wrong bool, format string, args ...any) {
		if wrong {
			faults = append(faults, fmt.Errorf(format, args...))
		}
	}
	refuse(flags.Changed("file") && o.file == "", "--file must name a file, or be - for standard input")
	for _, name := range []string{"count", "topics", "source", "payload-bytes"} {
		refuse(o.file != "" && flags.Changed(name), "--%s is for made-up events; it doesn't go with --file", name)
	}
	refuse(o.ndjson && o.verify, "--verify needs an answer for each event; it doesn't go with --ndjson, where the server answers totals")
	refuse(flags.Changed("wait-timeout") && !o.wait, "--wait-timeout goes with --wait")
	refuse(o.send.Concurrency < 1 || o.send.Concurrency > maxConcurrency,
		"--concurrency must be from 1 to %d, is %d", maxConcurrency, o.send.Concurrency)
	refuse(o.send.BatchSize < 1 || o.send.BatchSize > maxBatchSize,
		"--batch-size must be from 1 to %d, is %d", maxBatchSize, o.send.BatchSize)
	refuse(!(o.send.Rate >= 0 && o.send.Rate <= 1e9), "--rate must be from 0 to 1,000,000,000, is %v", o.send.Rate)
	refuse(o.send.Duration < 0, "--duration must not be negative")
	refuse(o.send.RetryFor < 0, "--retry-for must not be negative")
	refuse(o.waitTimeout <= 0, "--wait-timeout must be above 0")
	return faults
}

// sourceFaults says what is wrong with the events that were asked for, before
// anything is sent. To the generator 0 and nothing are its defaults; who writes
// them out means something else.
func (o *publishOptions) sourceFaults() []error {
	var faults []error
	if rate := o.made.DupRate; !(rate >= 0 && rate <= 1) || rate == 1 && o.file != "" { // also refuses NaN
		faults = append(faults, fmt.Errorf("--dup-rate must be from 0 to below 1, is %v", rate))
	}
	if o.file != "" {
		return faults
	}
	if n := o.made.Topics; n < 1 || n > loadgen.MaxTopics {
		faults = append(faults, fmt.Errorf("--topics must be from 1 to %d, is %d", loadgen.MaxTopics, n))
	}
	if n := o.made.PayloadBytes; n < 1 || n > loadgen.MaxPayloadBytes {
		faults = append(faults, fmt.Errorf("--payload-bytes must be from 1 to %d, is %d", loadgen.MaxPayloadBytes, n))
	}
	if o.made.Source == "" {
		faults = append(faults, errors.New("--source must not be empty"))
	}
	if len(faults) > 0 || o.made.Count < 0 { // which the generator would tell again
		return faults
	}
	_, err := loadgen.NewGenerator(o.made)
	return append(faults, err)
}
