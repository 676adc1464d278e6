//go:build linux

package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
	"time"
)

// results are all measurements of a run.
type results struct {
	Duration   time.Duration
	Repeat     int
	Runs       map[string]map[int][]measurement // by system and connections
	Start      time.Duration                    // of serve on a new SQLite file
	Generator  time.Duration                    // processor time for each event of the generator alone
	PeakMemory int64
	BinarySize int64
}

func (r *results) add(system string, connections int, m measurement) {
	if r.Runs[system] == nil {
		r.Runs[system] = make(map[int][]measurement)
	}
	r.Runs[system][connections] = append(r.Runs[system][connections], m)
}

// median returns the middle of one figure over the runs of a case.
func median[T cmp.Ordered](runs []measurement, figure func(measurement) T) T {
	values := make([]T, len(runs))
	for i, m := range runs {
		values[i] = figure(m)
	}
	slices.Sort(values)
	return values[len(values)/2]
}

// ratio compares the runs of two cases pair by pair, as they were made side by
// side, and returns the median: the machine's moods fall out.
func ratio(a, b []measurement) float64 {
	ratios := make([]float64, min(len(a), len(b)))
	for i := range ratios {
		ratios[i] = a[i].Rate / b[i].Rate
	}
	slices.Sort(ratios)
	return ratios[len(ratios)/2]
}

func (r *results) print(out io.Writer) {
	_, _ = fmt.Fprintf(out, "\nmedians of %d runs of %s each, 30 %% duplicates\n\n", r.Repeat, r.Duration)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "connections\tsystem\tevents/s\tp50\tp99\tserver CPU/event\tto reference\tto healthz\t")
	var costs []time.Duration
	for _, n := range sortedConnections(r.Runs[systemEventagg]) {
		for _, name := range []string{systemEventagg, systemReference, systemHealth} {
			runs := r.Runs[name][n]
			cost := median(runs, func(m measurement) time.Duration { return m.ServerCPU })
			_, _ = fmt.Fprintf(table, "%d\t%s\t%.0f\t%s\t%s\t%s\t%.2f\t%.2f\t\n", n, name,
				median(runs, func(m measurement) float64 { return m.Rate }),
				median(runs, func(m measurement) time.Duration { return m.P50 }).Round(time.Microsecond),
				median(runs, func(m measurement) time.Duration { return m.P99 }).Round(time.Microsecond),
				cost.Round(100*time.Nanosecond), ratio(runs, r.Runs[systemReference][n]), ratio(runs, r.Runs[systemHealth][n]))
			if name == systemEventagg && n > 1 {
				costs = append(costs, cost)
			}
		}
	}
	_ = table.Flush()
	slices.Sort(costs)
	serve := costs[len(costs)/2]
	_, _ = fmt.Fprintf(out, `
generator alone       %s of processor time an event; serve uses %s, %.1f times as much
peak memory of serve  %.1f MiB
start to listening    %s, on a new SQLite file
binary                %.1f MiB
`, r.Generator.Round(10*time.Nanosecond), serve.Round(10*time.Nanosecond), float64(serve)/float64(max(r.Generator, 1)),
		float64(r.PeakMemory)/(1<<20), r.Start.Round(time.Millisecond), float64(r.BinarySize)/(1<<20))
}

func sortedConnections(runs map[int][]measurement) []int {
	all := make([]int, 0, len(runs))
	for n := range runs {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}
