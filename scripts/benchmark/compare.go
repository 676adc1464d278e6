//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"
)

// enoughRuns is how many runs of a case it takes to tell a change from noise.
const enoughRuns = 3

// change is a case in two runs of the bench.
type change struct {
	name          string
	figure        figure
	before, after float64 // medians of the figure
	// ratio is after to before, and from low to high every ratio of one of the
	// later runs to one of the earlier ones.
	ratio, low, high float64
	// toReference is how the case's ratio to its reference has changed; 0 where
	// it has none in both.
	toReference float64
	few         bool // too few runs to say more
}

// verdict says whether the change is beyond the noise of both.
func (c change) verdict() string {
	better := c.low > 1
	worse := c.high < 1
	if c.figure == figureP99 {
		better, worse = worse, better
	}
	switch {
	case c.few:
		return "too few runs"
	case better:
		return "better"
	case worse:
		return "WORSE"
	default:
		return "within noise"
	}
}

// changes compares every case that both have.
func changes(before, after *results) []change {
	var all []change
	for _, now := range after.Cases {
		was, ok := before.find(now.Name)
		if !ok || len(was.Runs) == 0 || was.Figure != now.Figure {
			continue
		}
		c := change{
			name: now.Name, figure: now.Figure, before: was.median(was.Figure), after: now.median(now.Figure),
			low: math.Inf(1), few: min(len(was.Runs), len(now.Runs)) < enoughRuns,
		}
		c.ratio = c.after / c.before
		for _, a := range was.Runs {
			for _, b := range now.Runs {
				ratio := now.Figure.of(b) / was.Figure.of(a)
				c.low, c.high = min(c.low, ratio), max(c.high, ratio)
			}
		}
		if len(was.Ratios) > 0 && len(now.Ratios) > 0 {
			c.toReference = now.Ratios[0].Median / was.Ratios[0].Median
		}
		all = append(all, c)
	}
	return all
}

// printChanges writes how a run differs from an earlier one.
func printChanges(out io.Writer, before, after *results) {
	_, _ = fmt.Fprintf(out, "\ncompared with the run of %s\n", before.Began.Format(time.DateTime))
	for _, d := range differences(before, after) {
		_, _ = fmt.Fprintln(out, "not alike:", d)
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(out)
	_, _ = fmt.Fprintln(table, "case\tfigure\told\tnew\tnew/old\tspread\tto reference, new/old\t")
	for _, c := range changes(before, after) {
		toReference := "-"
		if c.toReference > 0 {
			toReference = fmt.Sprintf("%.2f", c.toReference)
		}
		_, _ = fmt.Fprintf(table, "%-*s\t%s\t%s\t%s\t%.2f\t%.2f–%.2f\t%s\t  %s\n", after.nameWidth(), c.name, c.figure,
			c.figure.text(c.before), c.figure.text(c.after), c.ratio, c.low, c.high, toReference, c.verdict())
	}
	_ = table.Flush()
}

// text writes a value of the figure.
func (f figure) text(value float64) string {
	if f == figureP99 {
		return short(time.Duration(value * float64(time.Second)))
	}
	return fmt.Sprintf("%.0f/s", value)
}

// differences are the circumstances that make a comparison doubtful.
func differences(before, after *results) []string {
	var all []string
	note := func(what string, was, is any) {
		if was != is {
			all = append(all, fmt.Sprintf("%s was %v, is %v", what, was, is))
		}
	}
	note("the machine", before.Machine, after.Machine)
	note("-settings", before.Settings, after.Settings)
	note("-ids", before.IDs, after.IDs)
	note("-rows", before.Rows, after.Rows)
	note("-duration", before.Duration, after.Duration)
	return all
}
