package cmd

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/size"
	"github.com/eventagg/eventagg/pkg/terminal"
)

// measureOptions are the options of publish about the schedule and the report.
type measureOptions struct {
	percentiles, stages string
	histogram           choice
	// compare is the path of the report of an earlier run.
	compare string
}

// choice is a value of flags such as --histogram: auto (the zero value), always or never.
type choice string

// String returns the value, auto if none was set. It is part of pflag.Value, as Set and Type.
func (c *choice) String() string {
	if *c == "" {
		return "auto"
	}
	return string(*c)
}

// Set parses a value.
func (c *choice) Set(text string) error {
	if text != "auto" && text != "always" && text != "never" {
		return errors.New("must be auto, always or never")
	}
	*c = choice(text)
	return nil
}

// Type is the placeholder in help texts.
func (c *choice) Type() string { return "when" }

func (m *measureOptions) addFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&m.stages, "stages", "", "change the rate in `stages`, such as 30s:1000,1m:5000: to 1000 events/s within 30 s, then to 5000 within 1 m")
	flags.StringVar(&m.percentiles, "percentiles", "", "show these `percentiles` of the latency, such as 50,95,99.99, instead of 50, 90, 99 and 99.9")
	flags.Var(&m.histogram, "histogram", "draw the histogram of latencies: auto (on a terminal), always or never")
	flags.StringVar(&m.compare, "compare", "", "compare with the report of an earlier run: the `path` of a file that -o json wrote")
	_ = cmd.RegisterFlagCompletionFunc("histogram", cobra.FixedCompletions([]string{"auto", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
}

// completeMeasure parses the options of measureOptions into those of the run.
func (o *publishOptions) completeMeasure(flags *pflag.FlagSet) []error {
	var problems []error
	var err error
	if flags.Changed("percentiles") {
		if o.send.Percentiles, err = loadgen.ParsePercentiles(o.measure.percentiles); err != nil {
			problems = append(problems, fmt.Errorf("--percentiles %w", err))
		}
	}
	if flags.Changed("compare") && o.measure.compare == "" {
		problems = append(problems, errors.New("invalid --compare: must be a path"))
	}
	if !flags.Changed("stages") {
		return problems
	}
	if o.send.Stages, err = loadgen.ParseStages(o.measure.stages); err != nil {
		return append(problems, fmt.Errorf("--stages %w", err))
	}
	if flags.Changed("duration") {
		problems = append(problems, errors.New("invalid --duration with --stages: the run ends with the last stage"))
	}
	events := loadgen.StagesEvents(o.send.Rate, o.send.Stages)
	if events == 0 {
		problems = append(problems, fmt.Errorf("--stages %q: there are no events, because the rate is 0 all the time", o.measure.stages))
	} else if !flags.Changed("count") {
		o.generate.Count = events
	}
	return problems
}

// readBaseline reads the report to compare with, or returns nil if there is none.
func (m measureOptions) readBaseline() (*loadgen.Baseline, error) {
	if m.compare == "" {
		return nil, nil //nolint:nilnil // nothing to compare with is no error
	}
	file, err := os.Open(m.compare)
	if err != nil {
		return nil, fmt.Errorf("open the report to compare with: %w", err)
	}
	defer func() { _ = file.Close() }()
	baseline, err := loadgen.ReadBaseline(m.compare, file)
	if err != nil {
		return nil, fmt.Errorf("read the report to compare with: %s: %w", m.compare, err)
	}
	return baseline, nil
}

// complement adds to a report what is not measured, and removes what is not wanted.
func (a *app) complement(report *loadgen.Report, opts publishOptions, baseline *loadgen.Baseline) {
	if opts.measure.histogram == "never" ||
		opts.measure.histogram != "always" && (opts.format.json() || !terminal.IsTerminal(a.out)) {
		report.Histogram = nil
	}
	report.Settings = opts.settings()
	for _, check := range opts.checks {
		report.Checks = append(report.Checks, check.Eval(*report))
	}
	if baseline != nil {
		report.Comparison = baseline.Compare(*report)
	}
}

// settings returns the options that change what a run measures, by the names of their
// flags.
func (o *publishOptions) settings() map[string]string {
	number := func(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }
	stages := make([]string, len(o.send.Stages))
	for i, stage := range o.send.Stages {
		stages[i] = stage.String()
	}
	send := o.send.WithDefaults()
	settings := map[string]string{
		"concurrency": strconv.Itoa(send.Concurrency),
		"rate":        number(send.Rate),
		"stages":      strings.Join(stages, ","),
		"batch-size":  strconv.Itoa(send.BatchSize),
		"ndjson":      strconv.FormatBool(o.ndjson),
		"gzip":        strconv.FormatBool(o.gzip),
		"dup-rate":    number(o.generate.DupRate),
		"file":        o.file,
	}
	if o.file == "" {
		settings["topics"] = strconv.Itoa(o.generate.Topics)
		settings["payload-bytes"] = size.Format(int64(o.generate.PayloadBytes))
	}
	return settings
}
