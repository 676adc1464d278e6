//go:build linux

package main

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// benchCase is something to measure.
type benchCase struct {
	name       string
	figure     figure // the main figure
	references []reference
	after      []string // cases that must have been measured before this one
	filled     bool     // needs the table with -rows events
	setUp      func(ctx context.Context, l *lab) (trial, error)
}

// trial is a case that is set up and can run once.
type trial interface {
	// run measures for about the duration.
	run(ctx context.Context, duration time.Duration) (measurement, error)
	close() error
}

// figure is one of the figures of a measurement.
type figure string

// Main figures of cases.
const (
	figureRate figure = "rate" // events per second, higher is better
	figureP99  figure = "p99"  // seconds, lower is better
)

// of returns the figure of a measurement.
func (f figure) of(m measurement) float64 {
	if f == figureP99 {
		return m.P99.Seconds()
	}
	return m.Rate
}

// reference is a case to compare with.
type reference struct {
	// Case is the name of the other case. A name ending in "/*" means the fastest
	// of all cases with that prefix.
	Case string `json:"case"`
	// Kind selects the ratio.
	Kind ratioKind `json:"kind"`
}

// ratioKind is a ratio of two cases.
type ratioKind string

const (
	rateToRate ratioKind = "rate/rate"
	p99ToP50   ratioKind = "p99/p50"
	// serveToLoad is CPU time per event: of the server in this case, divided by
	// that of the load generator in the other.
	serveToLoad ratioKind = "serve/generator"
)

// of returns the ratio of two measurements.
func (k ratioKind) of(a, b measurement) float64 {
	switch k {
	case p99ToP50:
		return a.P99.Seconds() / b.P50.Seconds()
	case serveToLoad:
		return a.ServerCPU.Seconds() / b.LoadCPU.Seconds()
	case rateToRate:
	}
	return a.Rate / b.Rate
}

// names reports whether the reference includes the case of that name.
func (r reference) names(name string) bool {
	if prefix, several := strings.CutSuffix(r.Case, "*"); several {
		return strings.HasPrefix(name, prefix)
	}
	return r.Case == name
}

// selectCases returns the matching cases and all that they need: their references
// and cases that must run before.
func selectCases(all []benchCase, wanted *regexp.Regexp) ([]benchCase, error) {
	chosen := make(map[string]bool)
	var choose func(c benchCase)
	choose = func(c benchCase) {
		if chosen[c.name] {
			return
		}
		chosen[c.name] = true
		for _, other := range all {
			if c.needs(other.name) {
				choose(other)
			}
		}
	}
	for _, c := range all {
		if wanted.MatchString(c.name) {
			choose(c)
		}
	}
	var selected []benchCase
	for _, c := range all {
		if chosen[c.name] {
			selected = append(selected, c)
		}
	}
	if len(selected) == 0 {
		return nil, fmt.Errorf("no case matches %q; -list shows them", wanted)
	}
	return selected, nil
}

func (c benchCase) needs(name string) bool {
	return slices.Contains(c.after, name) ||
		slices.ContainsFunc(c.references, func(r reference) bool { return r.names(name) })
}
