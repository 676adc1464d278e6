//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// runner measures each case once per round.
type runner struct {
	lab   *lab
	cases []benchCase
}

// extraTime is how long a run may take in addition to its duration: for set-up, a whole
// bulk, and shutdown.
const extraTime = 3 * time.Minute

// run runs all rounds. It continues after a case that fails. Every second round runs
// backwards, so that no case always follows the same one.
func (r *runner) run(ctx context.Context) error {
	var errs []error
	for round := range r.lab.repeat {
		order := slices.Clone(r.cases)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for i, c := range order {
			if ctx.Err() != nil {
				return errors.Join(append(errs, context.Cause(ctx))...)
			}
			m, err := r.measure(ctx, c)
			if err != nil {
				err = fmt.Errorf("%s: %w", c.name, err)
				fmt.Fprintln(os.Stderr, err)
				errs = append(errs, err)
				continue
			}
			m.Round = round + 1
			r.lab.results.add(c, m)
			fmt.Fprintf(os.Stderr, "round %d, case %d of %d: %-26s %8.0f/s  p99 %s\n", round+1, i+1, len(order), c.name, m.Rate, short(m.P99))
		}
	}
	return errors.Join(errs...)
}

// measure runs one case once.
func (r *runner) measure(ctx context.Context, c benchCase) (m measurement, err error) {
	ctx, cancel := context.WithTimeout(ctx, 3*r.lab.duration+extraTime)
	defer cancel()
	t, err := c.setUp(ctx, r.lab)
	if err != nil {
		return measurement{}, fmt.Errorf("set up: %w", err)
	}
	defer func() { err = errors.Join(err, t.close()) }()
	return t.run(ctx, r.lab.duration)
}
