//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/loadgen"
)

// load is a case of the load generator.
type load struct {
	target      target
	connections int
	batch       int     // events per append; 0 means 1
	duplicates  float64 // fraction of repeats; 1 means that all are stored before
	// partOf names a case. The load is then an open loop with a part of the rate
	// that the case has reached.
	partOf string
	part   float64
}

// storedBefore is the number of events that are sent repeatedly if all are
// duplicates.
const storedBefore = 100_000

// setUp creates the trial.
func (c load) setUp(ctx context.Context, l *lab) (trial, error) {
	c.batch = max(c.batch, 1)
	t := &loadTrial{load: c, lab: l}
	if c.partOf != "" {
		reached, ok := l.results.find(c.partOf)
		if !ok || len(reached.Runs) == 0 {
			return nil, fmt.Errorf("%s has no rate yet", c.partOf)
		}
		t.rate = reached.median(figureRate) * c.part
	}
	var err error
	if t.rig, err = c.target(ctx, l, c.connections); err != nil {
		return nil, err
	}
	if c.duplicates < 1 {
		return t, nil
	}
	if t.stored, err = l.make(storedBefore); err == nil {
		err = t.store(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

// loadTrial is a load that is set up.
type loadTrial struct {
	load
	*rig
	lab    *lab
	rate   float64
	stored []event.Event
}

// run warms up briefly and then measures.
func (t *loadTrial) run(ctx context.Context, duration time.Duration) (measurement, error) {
	const warmUp = 500 * time.Millisecond
	if _, err := t.drive(ctx, min(duration/4, warmUp)); err != nil {
		return measurement{}, fmt.Errorf("warm up: %w", err)
	}
	before, err := t.lab.used(ctx, t.servers)
	if err != nil {
		return measurement{}, err
	}
	report, err := t.drive(ctx, duration)
	if err != nil {
		return measurement{}, err
	}
	after, err := t.lab.used(ctx, t.servers)
	if err != nil {
		return measurement{}, err
	}
	m := measurement{Rate: report.Rate, P50: report.Latency.P50, P99: report.Latency.P99, Retried: report.Retried}
	m.setCosts(after.minus(before), report.Completed())
	m.Memory, err = peakMemory(t.servers)
	return m, err
}

// drive loads the target for the duration.
func (t *loadTrial) drive(ctx context.Context, duration time.Duration) (loadgen.Report, error) {
	source, err := t.source()
	if err != nil {
		return loadgen.Report{}, err
	}
	return t.send(ctx, source, loadgen.Options{
		Concurrency: t.connections, BatchSize: t.batch, Rate: t.rate, Duration: duration,
	})
}

func (t *loadTrial) source() (loadgen.Source, error) {
	if t.stored != nil {
		return &again{events: t.stored}, nil
	}
	return t.lab.source(t.duplicates)
}

// send runs the load generator once. Every event must get a response.
func (t *loadTrial) send(ctx context.Context, source loadgen.Source, o loadgen.Options) (loadgen.Report, error) {
	report, err := loadgen.New(t.appender, source, o).Run(ctx)
	switch {
	case err != nil:
		return report, fmt.Errorf("load: %w", err)
	case report.Failed > 0 || report.Refused() > 0:
		return report, fmt.Errorf("%d events failed, %d were invalid: %s", report.Failed, report.Refused(), report.FirstFailure)
	case t.stored != nil && report.Stored > 0:
		return report, fmt.Errorf("%d duplicates were stored again", report.Stored)
	}
	return report, nil
}

// store stores the events that are sent again.
func (t *loadTrial) store(ctx context.Context) error {
	const batch = 1000
	for from := 0; from < len(t.stored); from += batch {
		if _, err := t.appender.Append(ctx, t.stored[from:min(from+batch, len(t.stored))]); err != nil {
			return fmt.Errorf("store the events to repeat: %w", err)
		}
	}
	return nil
}
