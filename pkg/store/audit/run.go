package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"
)

// Options configure [Run]. The zero value of a field stands for its default.
type Options struct {
	// Rate is the maximum number of rows a second, default no limit.
	Rate int
	// MaxListed is the maximum number of differences to list, default 100. All are
	// counted.
	MaxListed int
	// Save is called after each page with the state to continue from. It must not keep
	// the state. An error ends the audit. The default does nothing.
	Save func(*State) error
	// Now is the clock, default [time.Now].
	Now func() time.Time
}

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
	o.MaxListed = cmp.Or(o.MaxListed, 100)
	if o.Save == nil {
		o.Save = func(*State) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// State is an audit so far: the result of [Run], and what it continues from.
type State struct {
	// Bound is the bound of the audit, from [Source].Start.
	Bound string `json:"bound"`
	// Checks are the results of the checks, in the order in which they run.
	Checks []Result `json:"checks"`
	// Listed are the first differences.
	Listed []Difference `json:"listed"`
	// Notes are facts that a reader should know and that are not differences.
	Notes []string `json:"notes"`
}

// Result is the result of one check so far.
type Result struct {
	// Name and Title are those of the [Check].
	Name  string `json:"name"`
	Title string `json:"title"`
	// Rows and Differences are what was checked and found so far.
	Rows        int64 `json:"rows"`
	Differences int64 `json:"differences"`
	// Seconds is the time in the database, without waits for the rate.
	Seconds float64 `json:"seconds"`
	// Done is set if all rows were checked.
	Done bool `json:"done"`
	// After is the position to continue from.
	After string `json:"after,omitempty"`
	// Total is about how many rows there are.
	Total int64 `json:"total,omitempty"`
}

// Rows returns the number of rows that were checked, and about how many there are.
func (s *State) Rows() (done, total int64) {
	for _, r := range s.Checks {
		done += r.Rows
		if r.Done {
			total += r.Rows
		} else {
			total += max(r.Total, r.Rows)
		}
	}
	return done, total
}

// Differences returns the number of differences so far.
func (s *State) Differences() int64 {
	var sum int64
	for _, r := range s.Checks {
		sum += r.Differences
	}
	return sum
}

// Done reports whether the audit is complete.
func (s *State) Done() bool {
	for _, r := range s.Checks {
		if !r.Done {
			return false
		}
	}
	return len(s.Checks) > 0
}

const (
	// pageRows is the maximum number of rows of a page.
	pageRows = 5000
	// pagesPerSecond is the minimum number of pages a second with a limited rate, so
	// that the load is even.
	pagesPerSecond = 10
)

var errOtherChecks = errors.New("the state is that of an audit with other checks: start a new audit")

// Run runs the checks, or continues a state. It changes the state after each page. Its
// error means that a check could not run; differences are no error.
func Run(ctx context.Context, checks []Check, state *State, options Options) error {
	options = options.WithDefaults()
	if err := Prepare(ctx, checks, state); err != nil {
		return err
	}
	a := audit{state: state, options: options, limit: pageRows}
	if options.Rate > 0 {
		a.limit = min(pageRows, max(1, options.Rate/pagesPerSecond))
		a.limiter = rate.NewLimiter(rate.Limit(options.Rate), a.limit)
	}
	for i := range checks {
		if err := a.run(ctx, checks[i], &state.Checks[i]); err != nil {
			return fmt.Errorf("check %s: %w", checks[i].Name, err)
		}
	}
	return nil
}

// Prepare fills in the checks of a new state, and about how many rows they have. Run does
// so itself; a caller that shows the progress needs it before.
func Prepare(ctx context.Context, checks []Check, state *State) error {
	if len(state.Checks) > 0 {
		if len(state.Checks) != len(checks) {
			return errOtherChecks
		}
		for i, c := range checks {
			if state.Checks[i].Name != c.Name {
				return errOtherChecks
			}
		}
		return nil
	}
	for _, c := range checks {
		result := Result{Name: c.Name, Title: c.Title}
		if c.Total != nil {
			total, err := c.Total(ctx)
			if err != nil {
				return fmt.Errorf("check %s: %w", c.Name, err)
			}
			result.Total = total
		}
		state.Checks = append(state.Checks, result)
	}
	return nil
}

// audit is one call of Run.
type audit struct {
	state   *State
	options Options
	limit   int           // rows of a page
	limiter *rate.Limiter // nil without a limit
}

// run runs one check to its end.
func (a *audit) run(ctx context.Context, check Check, result *Result) error {
	for !result.Done {
		began := a.options.Now()
		page, err := check.Next(ctx, result.After, a.limit)
		if err != nil {
			return err
		}
		a.add(check.Name, result, page)
		result.Seconds += a.options.Now().Sub(began).Seconds()
		if err := a.options.Save(a.state); err != nil {
			return err
		}
		if err := a.wait(ctx, page.Rows); err != nil {
			return err
		}
	}
	return nil
}

// add adds the result of a page.
func (a *audit) add(name string, result *Result, page Page) {
	result.Rows += page.Rows
	result.Differences += int64(len(page.Found))
	for _, difference := range page.Found[:min(len(page.Found), a.options.MaxListed-len(a.state.Listed))] {
		difference.Check = name
		a.state.Listed = append(a.state.Listed, difference)
	}
	a.state.Notes = append(a.state.Notes, page.Notes...)
	result.After, result.Done = page.Next, page.Next == ""
}

// wait waits until the rate allows the next page.
func (a *audit) wait(ctx context.Context, rows int64) error {
	for ; a.limiter != nil && rows > 0; rows -= int64(a.limit) {
		if err := a.limiter.WaitN(ctx, int(min(rows, int64(a.limit)))); err != nil {
			return fmt.Errorf("wait for the rate: %w", cmp.Or(ctx.Err(), err))
		}
	}
	return ctx.Err()
}
