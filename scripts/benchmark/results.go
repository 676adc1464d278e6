//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"
)

// results are all measurements of a run.
type results struct {
	Began      time.Time     `json:"began"`
	Machine    string        `json:"machine"`
	Settings   string        `json:"settings"` // of PostgreSQL
	IDs        string        `json:"ids"`
	Rows       int           `json:"rows"` // of the filled table
	Duration   time.Duration `json:"duration_ns"`
	Repeat     int           `json:"repeat"`
	Start      time.Duration `json:"start_ns,omitempty"` // of serve on a new SQLite file
	BinarySize int64         `json:"binary_bytes"`
	Cases      []*caseResult `json:"cases"`
	Plans      []plan        `json:"plans,omitempty"`
}

// caseResult is all runs of one case.
type caseResult struct {
	Name       string        `json:"name"`
	Figure     figure        `json:"figure"`
	References []reference   `json:"references,omitempty"`
	Runs       []measurement `json:"runs"`
	// The following is computed from the runs, for readers of the JSON.
	Median float64  `json:"median"` // of the figure
	Ratios []ratios `json:"ratios,omitempty"`
}

// ratios are the ratios of a case to another, one per round.
type ratios struct {
	To     string  `json:"to"`
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

// add adds a run of a case.
func (r *results) add(c benchCase, m measurement) {
	found, ok := r.find(c.name)
	if !ok {
		found = &caseResult{Name: c.name, Figure: c.figure, References: c.references}
		r.Cases = append(r.Cases, found)
	}
	found.Runs = append(found.Runs, m)
}

// find returns the results of a case.
func (r *results) find(name string) (*caseResult, bool) {
	for _, c := range r.Cases {
		if c.Name == name {
			return c, true
		}
	}
	return nil, false
}

// median returns the median of a figure.
func (c *caseResult) median(f figure) float64 {
	return middle(c.values(f.of))
}

// values returns a figure of each run.
func (c *caseResult) values(of func(measurement) float64) []float64 {
	values := make([]float64, len(c.Runs))
	for i, m := range c.Runs {
		values[i] = of(m)
	}
	return values
}

// middle sorts the values and returns their median.
func middle(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	half := len(values) / 2
	if len(values)%2 == 1 {
		return values[half]
	}
	return (values[half-1] + values[half]) / 2
}

// referred returns the fastest case of a reference.
func (r *results) referred(to reference) (*caseResult, bool) {
	var best *caseResult
	for _, c := range r.Cases {
		if to.names(c.Name) && (best == nil || c.median(figureRate) > best.median(figureRate)) {
			best = c
		}
	}
	return best, best != nil
}

// ratios compares a case with a reference within each round, because the speed of the
// machine varies between rounds.
func (r *results) ratios(c *caseResult, to reference) (ratios, bool) {
	other, ok := r.referred(to)
	if !ok {
		return ratios{}, false
	}
	var all []float64
	for _, a := range c.Runs {
		for _, b := range other.Runs {
			if a.Round == b.Round {
				all = append(all, to.Kind.of(a, b))
			}
		}
	}
	if len(all) == 0 {
		return ratios{}, false
	}
	name := other.Name
	if to.Kind != rateToRate {
		name += " (" + string(to.Kind) + ")"
	}
	return ratios{To: name, Median: middle(all), Min: slices.Min(all), Max: slices.Max(all)}, true
}

// finish sorts the cases like the catalogue and computes medians and ratios.
func (r *results) finish(order []benchCase) {
	index := func(c *caseResult) int {
		return slices.IndexFunc(order, func(o benchCase) bool { return o.name == c.Name })
	}
	slices.SortFunc(r.Cases, func(a, b *caseResult) int { return index(a) - index(b) })
	for _, c := range r.Cases {
		c.Median = c.median(c.Figure)
		for _, to := range c.References {
			if ratios, ok := r.ratios(c, to); ok {
				c.Ratios = append(c.Ratios, ratios)
			}
		}
	}
}

func (r *results) write(path string) error {
	data, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the results: %w", err)
	}
	if err := os.WriteFile(path, append(data, '\n'), 0o600); err != nil { //nolint:gosec // the user selects the file
		return fmt.Errorf("write the results: %w", err)
	}
	return nil
}

func readResults(path string) (*results, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read results: %w", err)
	}
	r := new(results)
	if err := json.Unmarshal(data, r); err != nil {
		return nil, fmt.Errorf("read results: %s: %w", path, err)
	}
	if len(r.Cases) == 0 {
		return nil, fmt.Errorf("read results: %s has no cases (was it written by -json?)", path)
	}
	return r, nil
}
