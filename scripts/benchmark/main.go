//go:build linux

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "benchmark:", err)
		os.Exit(1)
	}
}

// run measures, or is one of the servers that are measured against.
func run(ctx context.Context, args []string) error {
	switch {
	case len(args) == 2 && args[0] == "reference":
		return serveReference(ctx, "127.0.0.1:0", args[1])
	case len(args) == 1 && args[0] == "nothing":
		return serveNothing(ctx, "127.0.0.1:0")
	}
	var b bench
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&b.binary, "binary", "", "the eventagg binary to measure")
	flags.StringVar(&b.eventaggURL, "database", "", "an empty PostgreSQL database for eventagg")
	flags.StringVar(&b.referenceURL, "reference-database", "", "an empty PostgreSQL database for the reference")
	flags.DurationVar(&b.duration, "duration", 4*time.Second, "how long each case runs each time")
	flags.IntVar(&b.repeat, "repeat", 3, "how often each case runs; medians are shown")
	flags.StringVar(&b.json, "json", "", "write the results to this file, too")
	if err := flags.Parse(args); err != nil {
		return fmt.Errorf("%w; use scripts/bench", err)
	}
	if b.binary == "" || b.eventaggURL == "" || b.referenceURL == "" {
		return errors.New("use scripts/bench, which prepares what is measured")
	}
	results, err := b.measure(ctx)
	if err != nil {
		return err
	}
	results.print(os.Stdout)
	if b.json == "" {
		return nil
	}
	data, err := json.MarshalIndent(results, "", "  ")
	if err != nil {
		return fmt.Errorf("encode the results: %w", err)
	}
	return os.WriteFile(b.json, append(data, '\n'), 0o600)
}

// bench is what was asked for.
type bench struct {
	binary                    string
	eventaggURL, referenceURL string
	duration                  time.Duration
	repeat                    int
	json                      string
}

// The systems under load. Each is measured at the same numbers of connections.
const (
	systemEventagg  = "eventagg"
	systemReference = "reference"
	systemHealth    = "GET /healthz"
)

func (b *bench) connections() []int { return []int{1, 32, 128, 512} }

func (b *bench) measure(ctx context.Context) (*results, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	r := &results{Duration: b.duration, Repeat: b.repeat, Runs: make(map[string]map[int][]measurement)}
	if r.Start, err = b.startTime(ctx); err != nil {
		return nil, err
	}
	eventagg, err := start(ctx, b.binary, "serve", "--http-addr", "127.0.0.1:0", "--database-url", b.eventaggURL, "--log-level", "warn")
	if err != nil {
		return nil, err
	}
	defer func() { _ = eventagg.stop() }()
	reference, err := start(ctx, self, "reference", b.referenceURL)
	if err != nil {
		return nil, err
	}
	defer func() { _ = reference.stop() }()
	systems := []system{{systemEventagg, eventagg}, {systemReference, reference}, {systemHealth, eventagg}}
	for round := range b.repeat {
		for _, n := range b.connections() {
			for _, s := range systems {
				m, err := s.run(ctx, n, b.duration)
				if err != nil {
					return nil, fmt.Errorf("%s at %d connections: %w", s.name, n, err)
				}
				r.add(s.name, n, m)
				fmt.Fprintf(os.Stderr, "round %d: %-12s %4d connections %8.0f events/s\n", round+1, s.name, n, m.Rate)
			}
		}
		systems = append(systems[1:], systems[0]) // nobody always runs after the same one
	}
	if r.PeakMemory, err = eventagg.peakMemory(); err != nil {
		return nil, err
	}
	if info, err := os.Stat(b.binary); err == nil {
		r.BinarySize = info.Size()
	}
	r.Generator, err = b.generator(ctx, self)
	return r, err
}

// system is one of the things compared.
type system struct {
	name   string
	server *process
}

func (s system) run(ctx context.Context, connections int, duration time.Duration) (measurement, error) {
	if s.name == systemHealth {
		target := newHealth(s.server.url, connections)
		defer target.close()
		return drive(ctx, s.server, target, connections, duration)
	}
	target, err := publisher(s.server.url, connections)
	if err != nil {
		return measurement{}, err
	}
	defer target.Close()
	return drive(ctx, s.server, target, connections, duration)
}

// generator measures what an event costs the load generator, against a server
// that does nothing.
func (b *bench) generator(ctx context.Context, self string) (time.Duration, error) {
	nothing, err := start(ctx, self, "nothing")
	if err != nil {
		return 0, err
	}
	defer func() { _ = nothing.stop() }()
	var costs []time.Duration
	for range b.repeat {
		m, err := system{"nothing", nothing}.run(ctx, 128, b.duration)
		if err != nil {
			return 0, fmt.Errorf("generator alone: %w", err)
		}
		costs = append(costs, m.LoadCPU)
	}
	slices.Sort(costs)
	return costs[len(costs)/2], nil
}

// startTime measures how long an idle server takes from its start until it says
// that it listens, on an SQLite file that is not there yet.
func (b *bench) startTime(ctx context.Context) (time.Duration, error) {
	var times []time.Duration
	for range max(b.repeat, 3) {
		dir, err := os.MkdirTemp("", "eventagg-bench-")
		if err != nil {
			return 0, fmt.Errorf("make a folder: %w", err)
		}
		began := time.Now()
		p, err := start(ctx, b.binary, "serve", "--http-addr", "127.0.0.1:0", "--database-url", "sqlite:"+filepath.Join(dir, "events.db"))
		took := time.Since(began)
		if err != nil {
			return 0, err
		}
		times = append(times, took)
		if err := errors.Join(p.stop(), os.RemoveAll(dir)); err != nil {
			return 0, err
		}
	}
	slices.Sort(times)
	return times[len(times)/2], nil
}
