package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// sample is the state of the server at one moment.
type sample struct {
	at          time.Duration // since the start
	memory      int64
	descriptors int
}

// delivery is one event of the well-behaved sender.
type delivery struct {
	at, took time.Duration
	attempts int
	stored   bool
}

// period is the time of an attack.
type period struct {
	name string
	from time.Duration
}

// record is everything that was measured.
type record struct {
	begin time.Time

	mu         sync.Mutex
	samples    []sample
	peak       int64
	deliveries []delivery
	reads      map[int]int
	periods    []period
	results    map[string]map[string]int
	end        time.Duration // of the attacks
}

func newRecord(begin time.Time) *record {
	return &record{begin: begin, reads: map[int]int{}, results: map[string]map[string]int{}}
}

// watchMemory takes samples until ctx ends.
func (r *record) watchMemory(ctx context.Context, pid int) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		now, peak := memoryOf(pid)
		if now > 0 { // 0: the process has ended
			r.mu.Lock()
			r.samples = append(r.samples, sample{time.Since(r.begin), now, descriptorsOf(pid)})
			r.peak = max(r.peak, peak)
			r.mu.Unlock()
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (r *record) began(attack string, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.periods = append(r.periods, period{attack, at.Sub(r.begin)})
	r.results[attack] = map[string]int{}
}

func (r *record) ended(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.end = at.Sub(r.begin)
}

func (r *record) result(attack, outcome string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.results[attack][outcome]++
}

func (r *record) goodDone(scheduled time.Time, took time.Duration, attempts int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deliveries = append(r.deliveries, delivery{scheduled.Sub(r.begin), took, attempts, true})
}

func (r *record) goodFailed(scheduled time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.deliveries = append(r.deliveries, delivery{scheduled.Sub(r.begin), goodTimeout, 0, false})
}

func (r *record) goodRead(status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.reads[status]++
}

// percentile returns the latency that a part of the deliveries stays below.
func (r *record) percentile(part float64) time.Duration {
	if len(r.deliveries) == 0 {
		return 0
	}
	took := make([]time.Duration, len(r.deliveries))
	for i, d := range r.deliveries {
		took[i] = d.took
	}
	slices.Sort(took)
	return took[min(len(took)-1, int(part*float64(len(took))))]
}

// totals counts the events of the well-behaved sender: all, stored, and those that were
// sent more than once.
func (r *record) totals() (all, stored, again int) {
	for _, d := range r.deliveries {
		all++
		if d.stored {
			stored++
		}
		if d.attempts > 1 {
			again++
		}
	}
	return all, stored, again
}

// judge returns a text for each limit that was exceeded.
func (r *record) judge(o options) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var problems []string
	add := func(format string, arguments ...any) { problems = append(problems, fmt.Sprintf(format, arguments...)) }
	if r.peak > o.memory<<20 {
		add("the server used %d MiB of memory, more than the limit of %d", r.peak>>20, o.memory)
	}
	all, stored, _ := r.totals()
	if stored < all || all == 0 {
		add("%d of %d events of the well-behaved sender were not stored within %v", all-stored, all, goodTimeout)
	}
	if p99 := r.percentile(0.99); p99 > o.p99 {
		add("the p99 latency of the well-behaved sender is %v, more than the limit of %v", p99.Round(time.Millisecond), o.p99)
	}
	total := 0
	for _, n := range r.reads {
		total += n
	}
	const share = 20 // one in so many may fail
	if failed := total - r.reads[200]; failed*share > total {
		add("%d of %d reads of the well-behaved client failed", failed, total)
	}
	return problems
}

// print writes the figures.
func (r *record) print(w io.Writer, o options, problems []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	all, stored, again := r.totals()
	descriptors := 0
	for _, s := range r.samples {
		descriptors = max(descriptors, s.descriptors)
	}
	_, _ = fmt.Fprintf(w, "memory      peak %d MiB of %d allowed; %d descriptors\n", r.peak>>20, o.memory, descriptors)
	_, _ = fmt.Fprintf(w, "good sender %d of %d events stored, %d sent again; p50 %v, p99 %v, max %v\n", stored, all, again,
		r.percentile(0.5).Round(100*time.Microsecond), r.percentile(0.99).Round(100*time.Microsecond), r.percentile(1).Round(time.Millisecond))
	_, _ = fmt.Fprintf(w, "good reads  by status: %s\n", listOf(r.reads))
	for _, p := range r.periods {
		_, _ = fmt.Fprintf(w, "%-45s %s\n", p.name, listOf(r.results[p.name]))
	}
	for _, problem := range problems {
		_, _ = fmt.Fprintln(w, "FAILED:", problem)
	}
}

// listOf returns counts as text, in the order of their keys.
func listOf[K cmp.Ordered](counts map[K]int) string {
	parts := make([]string, 0, len(counts))
	for _, key := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%v: %d", key, counts[key]))
	}
	return strings.Join(parts, ", ")
}
