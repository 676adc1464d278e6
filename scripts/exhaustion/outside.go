package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"time"
)

// attackFromOutside runs the attacks in a process of low priority: real attackers have
// CPUs of their own, and do not take those of the server.
func attackFromOutside(ctx context.Context, address string, o options, r *record) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	attacker := exec.CommandContext(ctx, "nice", "-n", "19", program, //nolint:gosec // it is this program
		"-attack", address, "-for", o.length.String(), "-only", o.only)
	attacker.Stderr = os.Stderr
	output, err := attacker.Output()
	if err != nil {
		return err
	}
	var seen attacked
	if err := json.Unmarshal(output, &seen); err != nil {
		return fmt.Errorf("read the results: %w", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range seen.Periods {
		r.periods = append(r.periods, period{p.Name, p.From.Sub(r.begin)})
	}
	r.results, r.end = seen.Results, seen.End.Sub(r.begin)
	return nil
}

// attacked is what the process of the attacks reports.
type attacked struct {
	Periods []struct {
		Name string
		From time.Time
	}
	End     time.Time
	Results map[string]map[string]int
}

// runAttacks is the process of the attacks.
func runAttacks(ctx context.Context, o options) error {
	begin := time.Now()
	r := newRecord(begin)
	attackAll(ctx, o.attack, o, r)
	r.mu.Lock()
	defer r.mu.Unlock()
	report := attacked{End: begin.Add(r.end), Results: r.results}
	for _, p := range r.periods {
		report.Periods = append(report.Periods, struct {
			Name string
			From time.Time
		}{p.name, begin.Add(p.from)})
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}

// rest is the time without attacks before and after.
const rest = 5 * time.Second

// attackAll starts the attacks one after the other in the first half of the time, and
// ends all of them together.
func attackAll(ctx context.Context, address string, o options, r *record) {
	chosen := attacks(o.only)
	pause(ctx, rest)
	attacking, stop := context.WithTimeout(ctx, o.length-2*rest)
	defer stop()
	step := (o.length - 2*rest) / 2 / time.Duration(max(1, len(chosen)))
	running := make([]func(), 0, len(chosen))
	for i := range chosen {
		running = append(running, chosen[i].start(attacking, address, r))
		pause(attacking, step)
	}
	<-attacking.Done()
	for _, wait := range running {
		wait()
	}
	r.ended(time.Now())
	pause(ctx, rest)
}
