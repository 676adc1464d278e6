//go:build linux

package main

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"
)

// enoughRuns is the number of runs that it takes to distinguish a change from noise.
const enoughRuns = 3

// change compares a case of two runs.
type change struct {
	name          string
	figure        figure
	before, after float64 // medians of the figure
	// ratio is after ÷ before. low and high are the range of that over all pairs
	// of runs.
	ratio, low, high float64
	// toReference is the change of the ratio to the reference, 0 without one.
	toReference float64
	few         bool // too few runs for a verdict
}

// verdict reports whether the change is larger than the noise.
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

// printChanges writes the changes since an earlier run.
func printChanges(out io.Writer, before, after *results) {
	_, _ = fmt.Fprintf(out, "\ncompared with the run of %s\n", before.Began.Format(time.DateTime))
	for _, d := range differences(before, after) {
		_, _ = fmt.Fprintln(out, "different:", d)
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

// text formats a value of the figure.
func (f figure) text(value float64) string {
	if f == figureP99 {
		return short(time.Duration(value * float64(time.Second)))
	}
	return fmt.Sprintf("%.0f/s", value)
}

// differences returns the settings that differ between two runs.
func differences(before, after *results) []string {
	var all []string
	compare := func(what string, was, is any) {
		if was != is {
			all = append(all, fmt.Sprintf("%s was %v, is %v", what, was, is))
		}
	}
	compare("the machine", before.Machine, after.Machine)
	compare("-settings", before.Settings, after.Settings)
	compare("-ids", before.IDs, after.IDs)
	compare("-rows", before.Rows, after.Rows)
	compare("-duration", before.Duration, after.Duration)
	return all
}
