//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// print writes the results as a table.
func (r *results) print(out io.Writer) {
	_, _ = fmt.Fprintf(out, "\non %s; PostgreSQL with %s settings, ids are UUID %s\nmedians of %d runs of %s each\n\n",
		r.Machine, r.Settings, r.IDs, r.Repeat, r.Duration)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "case\tevents/s\t±\tp50\tp99\tserve\tpostgres\tgenerator\tlog\tmemory\tratio\t  to")
	for _, c := range r.Cases {
		for _, line := range r.lines(c) {
			_, _ = fmt.Fprintln(table, line)
		}
	}
	_ = table.Flush()
	_, _ = fmt.Fprintln(out, "\nserve, postgres, generator: CPU time per event. log: bytes of write-ahead log per event. memory: peak of serve, MiB.")
	if r.Rows > 0 {
		_, _ = fmt.Fprintf(out, "filled/…: the table had %d events at the start of the run; filled/get/…: requests, not events.\n", r.Rows)
	}
	r.printFacts(out)
	r.printPlans(out)
}

// lines returns the row of a case with its first ratio, and one line per further
// ratio.
func (r *results) lines(c *caseResult) []string {
	medianTime := func(of func(measurement) time.Duration) string {
		return short(time.Duration(middle(c.values(func(m measurement) float64 { return float64(of(m)) }))))
	}
	memory := "-"
	if bytes := middle(c.values(func(m measurement) float64 { return float64(m.Memory) })); bytes > 0 {
		memory = strconv.FormatFloat(bytes/(1<<20), 'f', 0, 64)
	}
	row := fmt.Sprintf("%-*s\t%.0f\t%s\t%s\t%s\t%s\t%s\t%s\t%.0f\t%s\t", r.nameWidth(), c.Name, c.median(figureRate), c.spread(),
		medianTime(func(m measurement) time.Duration { return m.P50 }),
		medianTime(func(m measurement) time.Duration { return m.P99 }),
		medianTime(func(m measurement) time.Duration { return m.ServerCPU }),
		medianTime(func(m measurement) time.Duration { return m.DatabaseCPU }),
		medianTime(func(m measurement) time.Duration { return m.LoadCPU }),
		middle(c.values(func(m measurement) float64 { return m.Log })), memory)
	if len(c.Ratios) == 0 {
		return []string{row + "-\t  -"}
	}
	lines := make([]string, len(c.Ratios))
	for i, ratio := range c.Ratios {
		lines[i] = row + ratio.String() + "\t  " + ratio.To
		row = strings.Repeat("\t", strings.Count(row, "\t"))
	}
	return lines
}

// nameWidth returns the width of the names. Names are padded, because the table aligns
// to the right.
func (r *results) nameWidth() int {
	width := 0
	for _, c := range r.Cases {
		width = max(width, len(c.Name))
	}
	return width
}

// String returns the median, and the range if there is one.
func (r ratios) String() string {
	if r.Min == r.Max {
		return fmt.Sprintf("%.2f", r.Median)
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f)", r.Median, r.Min, r.Max)
}

// spread returns half of the range of the main figure, in per cent of its median.
func (c *caseResult) spread() string {
	values := c.values(c.Figure.of)
	if len(values) < 2 {
		return "-"
	}
	half := (slices.Max(values) - slices.Min(values)) / 2
	return fmt.Sprintf("%.0f %%", 100*half/middle(values))
}

// printFacts prints figures that belong to no case.
func (r *results) printFacts(out io.Writer) {
	_, _ = fmt.Fprintln(out)
	if peak := r.peakMemory(); peak > 0 {
		_, _ = fmt.Fprintf(out, "peak memory of serve in all cases  %.0f MiB\n", float64(peak)/(1<<20))
	}
	if r.Start > 0 {
		_, _ = fmt.Fprintf(out, "start to listening                 %s, on a new SQLite file\n", r.Start.Round(time.Millisecond))
	}
	_, _ = fmt.Fprintf(out, "binary                             %.1f MiB\n", float64(r.BinarySize)/(1<<20))
	var retried int64
	for _, c := range r.Cases {
		for _, m := range c.Runs {
			retried += m.Retried
		}
	}
	if retried > 0 {
		_, _ = fmt.Fprintf(out, "retried appends                    %d: the server was overloaded, see \"retried\" in the JSON\n", retried)
	}
}

// peakMemory returns the peak of serve in all cases, without the reference servers.
func (r *results) peakMemory() int64 {
	var peak int64
	for _, c := range r.Cases {
		for _, m := range c.Runs {
			if !(reference{Case: "one-insert/*"}).names(c.Name) && !(reference{Case: "nothing/*"}).names(c.Name) {
				peak = max(peak, m.Memory)
			}
		}
	}
	return peak
}

func (r *results) printPlans(out io.Writer) {
	if len(r.Plans) == 0 {
		return
	}
	_, _ = fmt.Fprintln(out, "\nhow PostgreSQL reads the table of events for each statement:")
	for _, p := range r.Plans {
		verdict := "ok"
		if p.Bad {
			verdict = "READS ALL"
		}
		if len(p.Scans) == 0 {
			p.Scans = []string{"not at all"}
		}
		for _, scan := range p.Scans {
			_, _ = fmt.Fprintf(out, "  %-24s %-9s  %s\n", p.Statement, verdict, scan)
		}
	}
}

// short formats a time with about three digits.
func short(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(10 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(100 * time.Microsecond).String()
	case d >= time.Millisecond:
		return d.Round(10 * time.Microsecond).String()
	case d >= 10*time.Microsecond:
		return d.Round(time.Microsecond).String()
	default:
		return d.Round(10 * time.Nanosecond).String()
	}
}
