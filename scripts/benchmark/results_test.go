//go:build linux

package main

import (
	"bytes"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// runOf makes the runs of a case, a round each.
func runOf(name string, to []reference, rates ...float64) *caseResult {
	c := &caseResult{Name: name, Figure: figureRate, References: to}
	for i, rate := range rates {
		c.Runs = append(c.Runs, measurement{Round: i + 1, Rate: rate, P50: time.Millisecond, P99: 4 * time.Millisecond})
	}
	return c
}

func TestResults_RatioIsMedianOfRounds(t *testing.T) {
	t.Parallel()
	r := &results{Cases: []*caseResult{
		runOf("array", toRates("copy/*"), 80, 40, 90), // the machine was slow in round 2
		runOf("copy/1", nil, 10, 10, 10),
		runOf("copy/2", nil, 100, 50, 100),
	}}
	r.finish(nil)
	want := ratios{To: "copy/2", Median: 0.8, Min: 0.8, Max: 0.9}
	if got := r.Cases[0].Ratios; len(got) != 1 || got[0] != want {
		t.Errorf("ratios are %v, want the better COPY: %v", got, want)
	}
}

func TestResults_RatioIgnoresFailedRounds(t *testing.T) {
	t.Parallel()
	a, b := runOf("a", toRates("b"), 10, 30), runOf("b", nil, 10)
	b.Runs[0].Round = 2
	r := &results{Cases: []*caseResult{a, b}}
	if got, ok := r.ratios(a, a.References[0]); !ok || got.Median != 3 || got.Min != 3 {
		t.Errorf("ratio is %v, want 3, that of round 2", got)
	}
	b.Runs = nil
	if got, ok := r.ratios(a, a.References[0]); ok {
		t.Errorf("ratio to nothing is %v", got)
	}
}

func TestRatioKind_Of(t *testing.T) {
	t.Parallel()
	m := measurement{P50: 2 * time.Millisecond, P99: 8 * time.Millisecond}
	if got := p99ToP50.of(m, m); got != 4 {
		t.Errorf("p99 to p50 is %v, want 4", got)
	}
	server, generator := measurement{ServerCPU: 45 * time.Microsecond, LoadCPU: 1}, measurement{ServerCPU: 1, LoadCPU: 15 * time.Microsecond}
	if got := serveToLoad.of(server, generator); got != 3 {
		t.Errorf("the server's cost to the generator's is %v, want 3", got)
	}
}

func TestMiddleAndPercentile(t *testing.T) {
	t.Parallel()
	if got := middle([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Errorf("middle is %v, want 2.5", got)
	}
	times := make([]time.Duration, 200)
	for i := range times {
		times[i] = time.Duration(200 - i)
	}
	if got := percentile(times, 0.99); got != 198 {
		t.Errorf("p99 of 1…200 is %v, want 198", int(got))
	}
	if got := percentile(times, 0.5); got != 100 {
		t.Errorf("p50 of 1…200 is %v, want 100", int(got))
	}
	if got := percentile([]time.Duration{7}, 0.99); got != 7 {
		t.Errorf("p99 of 7 is %v", int(got))
	}
}

func TestChanges_DistinguishNoise(t *testing.T) {
	t.Parallel()
	before := &results{Cases: []*caseResult{runOf("a", nil, 100, 110, 120), runOf("b", nil, 100, 100, 100), runOf("gone", nil, 1)}}
	after := &results{Cases: []*caseResult{runOf("a", nil, 105, 115, 125), runOf("b", nil, 50, 50, 60), runOf("new", nil, 1)}}
	got := changes(before, after)
	if len(got) != 2 || got[0].verdict() != "within noise" || got[1].verdict() != "WORSE" {
		t.Fatalf("changes are %+v", got)
	}
	if got[1].ratio != 0.5 || got[1].low != 0.5 || got[1].high != 0.6 {
		t.Errorf("ratio and spread are %v, %v–%v, want 0.5, 0.5–0.6", got[1].ratio, got[1].low, got[1].high)
	}
	slower := change{figure: figureP99, low: 1.2, high: 1.3}
	if slower.verdict() != "WORSE" {
		t.Errorf("a longer p99 is %q", slower.verdict())
	}
	if few := (change{low: 2, high: 2, few: true}); few.verdict() != "too few runs" {
		t.Errorf("one run is %q", few.verdict())
	}
}

// The test also checks the catalogue, because an unknown reference would be ignored.
func TestSelectCases_IncludesReferences(t *testing.T) {
	t.Parallel()
	all := catalogue(options{rows: 1})
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = c.name
		for _, r := range c.references {
			if !slices.ContainsFunc(all, func(other benchCase) bool { return r.names(other.name) }) {
				t.Errorf("%s refers to the unknown case %s", c.name, r.Case)
			}
		}
	}
	slices.Sort(names)
	if compact := slices.Compact(slices.Clone(names)); len(compact) != len(names) {
		t.Errorf("two cases have the same name: %v", names)
	}
	selected, err := selectCases(all, regexp.MustCompile("open-loop"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range selected {
		got = append(got, c.name)
	}
	want := []string{"one-insert/1", "one-insert/128", "single/128", "healthz/128", "nothing/128", "insert/1", "single/open-loop"}
	if !slices.Equal(got, want) {
		t.Errorf("selected %v, want %v", got, want)
	}
	if _, err := selectCases(all, regexp.MustCompile("nonsense")); err == nil {
		t.Error("a pattern without a match is not an error")
	}
}

func TestResults_WriteAndRead(t *testing.T) {
	t.Parallel()
	r := &results{Repeat: 2, Duration: time.Second, Cases: []*caseResult{runOf("a", toRates("b"), 1, 2), runOf("b", nil, 2, 2)}}
	r.finish(nil)
	path := filepath.Join(t.TempDir(), "run.json")
	if err := r.write(path); err != nil {
		t.Fatal(err)
	}
	read, err := readResults(path)
	if err != nil {
		t.Fatal(err)
	}
	var table, same bytes.Buffer
	r.print(&table)
	read.print(&same)
	if table.String() != same.String() {
		t.Errorf("printed before:\n%s\nand after:\n%s", &table, &same)
	}
	if !strings.Contains(table.String(), "0.75 (0.50–1.00)  b") {
		t.Errorf("no ratio to b in\n%s", &table)
	}
}

func TestNewPlan_FindsSequentialScans(t *testing.T) {
	t.Parallel()
	good := newPlan("older", []string{"Limit", "  ->  Index Scan Backward using ticks_pkey on ticks", "        Index Cond: (tick < 1)"})
	if good.Bad || len(good.Scans) != 1 {
		t.Errorf("plan is %+v, want one scan by index", good)
	}
	bad := newPlan("older", []string{"Limit", "  ->  Gather", "     ->  Parallel Seq Scan on commits"})
	if !bad.Bad {
		t.Errorf("plan is %+v, want a sequential scan", bad)
	}
	other := newPlan("stats", []string{"Aggregate", "  ->  Seq Scan on sums"})
	if other.Bad || len(other.Scans) != 0 {
		t.Errorf("plan is %+v, want no scan of events", other)
	}
}

func TestRandomID(t *testing.T) {
	t.Parallel()
	id, err := uuid.Parse(randomID("a"))
	if err != nil || id.Version() != 4 || id.Variant() != uuid.RFC4122 {
		t.Errorf("%v is not a UUID of version 4: %v", id, err)
	}
	if randomID("a") != id.String() || randomID("b") == id.String() {
		t.Error("an id must depend on the event's id, and on nothing else")
	}
}
