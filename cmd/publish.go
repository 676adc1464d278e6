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

const publishLong = `Sends events to a server, counts the results and measures latency. The events are
generated, an exact fraction of them duplicates, or they are the lines of a file
(NDJSON, one event a line, also gzip or zstd). Each event is a request of its own,
unless --batch-size or --ndjson puts several into one.

A duplicate may arrive before the event that it repeats. With --rate the generator is
open-loop: it sends on schedule and measures latency from the scheduled time, however
slow the server is (no coordinated omission). If a request has several events, latency
is that of the request, and the rate counts events.

Requests are retried with random, growing pauses for --retry-for if the server is
overloaded or unavailable (no connection, 408, 429, 502, 503, 504). The run ends if no
request succeeds for that long. Other errors are final: 413 and 422 count as invalid,
all others as failed. "queued" counts events that the server's queue holds (202); it
is 0 if the server has no queue.

--stages ramps the rate up or down, in an open loop, too: it begins at --rate, or at 0,
and changes linearly to the rate of each stage within its time. A rate that stays needs
a stage with the same rate again (30s:1000,5m:1000). The report has a line for each
stage; without --count the stages decide how many events are sent.

--compare FILE shows the report of an earlier run (of -o json) beside this one, with the
ratio of each number and the options that differ. It never changes the exit code; use
--fail-if for that.

--verify records every response. At the end it proves that no event got two responses
of success, and that each event with a response is stored as it was sent. If there was
no response, nothing is proven. It can't be combined with --ndjson, because the server
then responds with totals only.

--fail-if METRIC OPERATOR VALUE can be repeated. Metrics: p50, p90, p99, p99.9 and max
with a duration; rate (events/s), sent, success, ignored, invalid, failed and retried
with a number. Operators: > >= < <=.`

const publishExample = `  eventagg publish --count 20000 --dup-rate 0.3 --verify
  eventagg publish --rate 2000 --duration 30s --fail-if 'p99>50ms' --fail-if 'failed>0'
  eventagg publish --stages 30s:1000,1m:5000 -o json >before.json
  eventagg publish --stages 30s:1000,1m:5000 --compare before.json --percentiles 50,95,99.99
  eventagg publish --file events.ndjson --batch-size 1000 --gzip
  jq -c '.[]' events.json | eventagg publish --file -`

// publishOptions are the options of `eventagg publish`.
type publishOptions struct {
	client config.Client
	format outputFormat
	// generate describes generated events. For a file only DupRate and Seed count.
	generate loadgen.GeneratorOptions
	// seeded is set if --seed was given. The server may know the keys from an
	// earlier run then.
	seeded bool
	// file is the path of the file to send; "-" is standard input, and empty means
	// generated events.
	file        string
	send        loadgen.Options
	ndjson      bool
	gzip        bool
	wait        bool
	waitTimeout time.Duration
	verify      bool
	failIf      []string
	checks      []loadgen.Check // from failIf
	measure     measureOptions
}

func (o *publishOptions) configure(c config.Config) { o.client = c.Client }

// Defaults and bounds that package loadgen doesn't have.
const (
	defaultCount   = 20_000
	defaultDupRate = 0.3
	defaultLines   = 1000
	maxConcurrency = 10_000
	maxBatchSize   = 100_000
)

// newPublishCmd builds `eventagg publish`; see [build] for runF.
func (a *app) newPublishCmd(runF func(context.Context, publishOptions) error) *cobra.Command {
	var opts publishOptions
	cmd := &cobra.Command{
		Use:     "publish",
		Short:   "Send events to a server, measure and verify",
		Long:    publishLong,
		Example: publishExample,
	}
	config.AddFlags(cmd.Flags(), "client")
	opts.addFlags(cmd.Flags())
	opts.measure.addFlags(cmd)
	opts.format.addFlag(cmd)
	return build(a, cmd, &opts, runF, a.runPublish)
}

func (o *publishOptions) addFlags(flags *pflag.FlagSet) {
	flags.Int64Var(&o.generate.Count, "count", defaultCount, "number of events to send, duplicates included; no limit if only --duration is given")
	flags.Float64Var(&o.generate.DupRate, "dup-rate", defaultDupRate, "fraction of events that repeat an earlier one, from 0 to below 1; 0 with --file")
	flags.IntVar(&o.send.Concurrency, "concurrency", loadgen.DefaultConcurrency, "maximum number of concurrent requests")
	flags.Float64Var(&o.send.Rate, "rate", 0, "events per second to send on schedule (0: as fast as the server responds)")
	flags.DurationVar(&o.send.Duration, "duration", 0, "stop sending after this time (0: no limit)")
	flags.IntVar(&o.send.BatchSize, "batch-size", 1, "number of events in a request; more than 1 are sent as an array; 1000 with --ndjson; fewer if no line of --file comes for 200 ms")
	flags.BoolVar(&o.ndjson, "ndjson", false, "send one event a line; the server responds with totals only")
	flags.BoolVar(&o.gzip, "gzip", false, "compress requests")
	flags.DurationVar(&o.send.RetryFor, "retry-for", loadgen.DefaultRetryFor, "maximum time to retry a request (0: never retry)")
	flags.IntVar(&o.generate.Topics, "topics", loadgen.DefaultTopics, "number of topics of generated events")
	flags.StringVar(&o.generate.Source, "source", loadgen.DefaultSource, "source of generated events")
	o.generate.PayloadBytes = loadgen.DefaultPayloadBytes
	flags.Var((*sizeValue)(&o.generate.PayloadBytes), "payload-bytes", "approximate payload size of generated events")
	flags.Uint64Var(&o.generate.Seed, "seed", 0, "generate the same events in every run with this seed (default: new events each run)")
	flags.StringVar(&o.file, "file", "", "send the events in a `path` (NDJSON, also gzip or zstd) instead of generated ones; - is standard input")
	flags.BoolVar(&o.wait, "wait", false, "wait until the server is ready")
	flags.DurationVar(&o.waitTimeout, "wait-timeout", time.Minute, "maximum time of --wait")
	flags.BoolVar(&o.verify, "verify", false, "prove all responses at the end; exit 3 if one is wrong, or if there is none")
	flags.StringArrayVar(&o.failIf, "fail-if", nil, "exit 3 if this `condition` is true, such as 'p99>50ms'; can be repeated")
}

func (o *publishOptions) complete(cmd *cobra.Command, _ []string) error {
	flags := cmd.Flags()
	problems := o.problems(flags)
	for _, text := range o.failIf {
		check, err := loadgen.ParseCheck(text)
		if err != nil {
			problems = append(problems, fmt.Errorf("--fail-if %w", err))
			continue
		}
		o.checks = append(o.checks, check)
	}
	o.seeded = flags.Changed("seed")
	switch {
	case o.file != "":
		if !flags.Changed("dup-rate") {
			o.generate.DupRate = 0
		}
	case flags.Changed("count"):
		if o.generate.Count < 1 {
			problems = append(problems, errors.New("invalid --count: must be at least 1 (for a run without limit use --duration alone)"))
		}
	case o.send.Duration > 0:
		o.generate.Count = 0
	}
	problems = append(problems, o.completeMeasure(flags)...)
	if o.ndjson && !flags.Changed("batch-size") {
		o.send.BatchSize = defaultLines
	}
	if o.send.RetryFor == 0 {
		o.send.RetryFor = -1
	}
	return errors.Join(append(problems, o.sourceProblems()...)...)
}

// problems lists values out of bounds and flags that exclude each other.
func (o *publishOptions) problems(flags *pflag.FlagSet) []error {
	var problems []error
	reject := func(wrong bool, format string, args ...any) {
		if wrong {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	reject(flags.Changed("file") && o.file == "", "invalid --file: must be a path, or - for standard input")
	for _, name := range []string{"count", "topics", "source", "payload-bytes"} {
		reject(o.file != "" && flags.Changed(name), "invalid --%s with --file: it is for generated events", name)
	}
	reject(o.ndjson && o.verify, "invalid --verify with --ndjson: the server responds with totals only, and verifying needs the result of each event")
	reject(flags.Changed("wait-timeout") && !o.wait, "invalid --wait-timeout without --wait")
	reject(o.send.Concurrency < 1 || o.send.Concurrency > maxConcurrency,
		"invalid --concurrency %d: must be between 1 and %d", o.send.Concurrency, maxConcurrency)
	reject(o.send.BatchSize < 1 || o.send.BatchSize > maxBatchSize,
		"invalid --batch-size %d: must be between 1 and %d", o.send.BatchSize, maxBatchSize)
	reject(!(o.send.Rate >= 0 && o.send.Rate <= 1e9), "invalid --rate %v: must be between 0 and 1,000,000,000", o.send.Rate)
	reject(o.send.Duration < 0, "invalid --duration: must not be negative")
	reject(o.send.RetryFor < 0, "invalid --retry-for: must not be negative")
	reject(o.waitTimeout <= 0, "invalid --wait-timeout: must be greater than 0")
	return problems
}

// sourceProblems lists what is wrong with the flags of generated events. The
// generator takes zero values for its defaults, but a flag with 0 is a mistake.
func (o *publishOptions) sourceProblems() []error {
	var problems []error
	if rate := o.generate.DupRate; !(rate >= 0 && rate <= 1) || rate == 1 && o.file != "" { // rejects NaN, too
		problems = append(problems, fmt.Errorf("invalid --dup-rate %v: must be at least 0 and less than 1", rate))
	}
	if o.file != "" {
		return problems
	}
	if n := o.generate.Topics; n < 1 || n > loadgen.MaxTopics {
		problems = append(problems, fmt.Errorf("invalid --topics %d: must be between 1 and %d", n, loadgen.MaxTopics))
	}
	if n := o.generate.PayloadBytes; n < 1 || n > loadgen.MaxPayloadBytes {
		problems = append(problems, fmt.Errorf("invalid --payload-bytes %d: must be between 1 and %d", n, loadgen.MaxPayloadBytes))
	}
	if o.generate.Source == "" {
		problems = append(problems, errors.New("invalid --source: must not be empty"))
	}
	if len(problems) > 0 || o.generate.Count < 0 { // the generator would report these again
		return problems
	}
	_, err := loadgen.NewGenerator(o.generate)
	return append(problems, err)
}
