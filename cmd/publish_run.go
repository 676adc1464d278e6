package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/store"
)

// publishTarget is what publish needs of a server.
type publishTarget interface {
	store.Appender
	// Event asks for one stored event.
	Event(ctx context.Context, key event.Key) (store.Record, error)
	// Ready is nil once the server takes events.
	Ready(ctx context.Context) error
	// Newest is when the newest event was stored, by the server's clock; the
	// zero Time where there is none.
	Newest(ctx context.Context) (time.Time, error)
	// Queued is how many events the server's queue holds that are not stored
	// yet.
	Queued(ctx context.Context) (int64, error)
}

// runPublish sends events to the server at opts.url.
func (a *app) runPublish(ctx context.Context, opts publishOptions) error {
	target, closeTarget, err := a.dialPublish(opts)
	if err != nil {
		return err
	}
	defer closeTarget()
	return a.publish(ctx, target, opts)
}

// publish sends events to a target, prints the report on standard output, and
// returns an error where the exit code is not to be 0.
func (a *app) publish(ctx context.Context, target publishTarget, opts publishOptions) error {
	show := &progress{out: a.errOut}
	source, err := a.openSource(opts, func(line int64, err error) {
		show.note(fmt.Sprintf("line %d: %v", line, err))
		if hint := fileHint(err); hint != "" {
			show.note(hint)
		}
	})
	if err != nil {
		return err
	}
	defer source.close()
	if err := a.reach(ctx, target, opts); err != nil {
		return err
	}
	var newest time.Time // before a run with new keys none of them can be there
	if opts.verify && (opts.seeded || opts.file != "") {
		if newest, err = target.Newest(ctx); err != nil {
			return fmt.Errorf("asking for the newest event before the run: %w", err)
		}
	}
	if opts.verify {
		opts.send.Ledger = &loadgen.Ledger{}
	}
	_, _ = fmt.Fprintf(a.errOut, "publishing %s to %s\n", source.title, config.Redact(opts.url))
	opts.send.OnRejected = func(line int64, reason error) {
		show.note(fmt.Sprintf("line %d: refused: %v", line, reason))
	}
	runner := loadgen.New(target, source, opts.send)
	show.begin(a.interactive(), func() frame { return publishFrame(runner.Progress()) })
	report, runErr := runner.Run(ctx)
	show.end()
	report.BadLines = source.bad()
	report.Interrupted = ctx.Err() != nil
	var verifyErr error
	if opts.verify && runErr == nil {
		verifyErr = a.prove(ctx, &report, source, target, opts, newest)
	}
	for _, check := range opts.checks {
		report.Checks = append(report.Checks, check.Eval(report))
	}
	if err := writeReport(a.out, report, opts.format); err != nil {
		return err
	}
	return verdict(report, runErr, verifyErr)
}

// prove adds the proof to the report.
func (a *app) prove(ctx context.Context, report *loadgen.Report, source *publishSource, target publishTarget, opts publishOptions, newest time.Time) error {
	if report.Queued > 0 {
		if err := a.awaitQueue(ctx, target, opts.send.RetryFor); err != nil {
			return fmt.Errorf("verifying: %w", err)
		}
	}
	_, _ = fmt.Fprintln(a.errOut, "verifying: asking for every event that was answered")
	proof, err := loadgen.Verify(ctx, report.Counts, opts.send.Ledger, source.originals, target, loadgen.VerifyOptions{
		Newest: newest, Concurrency: opts.send.Concurrency, RetryFor: opts.send.RetryFor,
	})
	if err != nil {
		return fmt.Errorf("verifying: %w", err)
	}
	report.Proof = &proof
	return nil
}

// awaitQueue waits until what is queued is stored: only then can it be proved.
// It gives up when the queue has not become shorter for as long as a request is
// tried again.
func (a *app) awaitQueue(ctx context.Context, target publishTarget, patience time.Duration) error {
	const every = 200 * time.Millisecond
	if patience <= 0 {
		patience = loadgen.DefaultRetryFor
	}
	least, since := int64(math.MaxInt64), time.Now()
	for {
		left, err := target.Queued(ctx)
		switch {
		case err == nil && left == 0:
			return nil
		case err != nil && !store.Temporary(err):
			return err
		case err == nil && left < least:
			if least == math.MaxInt64 {
				_, _ = fmt.Fprintf(a.errOut, "waiting until %s queued events are stored\n", formatCount(left))
			}
			least, since = left, time.Now()
		case time.Since(since) > patience:
			return withHint(errors.Join(err, fmt.Errorf("%s events stay queued", formatCount(least))),
				"Is a worker running (serve --workers), and does it reach the database?")
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(every):
		}
	}
}

func writeReport(out io.Writer, report loadgen.Report, format outputFormat) error {
	if format.json() {
		return writeJSON(out, report)
	}
	return report.WriteText(out)
}

// verdict turns what happened into the error that has the right exit code. A
// check that was asked for comes before failures, as those are in the report.
func verdict(report loadgen.Report, runErr, verifyErr error) error {
	var broken []error
	switch proof := report.Proof; {
	case proof == nil || proof.Holds:
	case proof.Empty():
		broken = append(broken, fmt.Errorf("verify: nothing is proven, as no event was answered; %s were sent", formatCount(report.Sent)))
	default:
		broken = append(broken, fmt.Errorf("verify: the answers do not hold, %s violations", formatCount(proof.Violations)))
	}
	for _, check := range report.Checks {
		if check.Failed {
			broken = append(broken, errors.New(check.String()))
		}
	}
	failure := errors.Join(runErr, verifyErr)
	switch {
	case errors.Is(failure, context.Canceled):
		return failure
	case len(broken) > 0:
		return &checkError{err: errors.Join(append(broken, failure)...)}
	case failure != nil:
		return failure
	case report.Failed > 0 || report.Refused() > 0 || report.BadLines > 0:
		return fmt.Errorf("not everything was taken: %s failed, %s refused as invalid, %s bad lines",
			formatCount(report.Failed), formatCount(report.Refused()), formatCount(report.BadLines))
	default:
		return nil
	}
}

// How often --wait asks, and how long one answer may take.
const (
	readyEvery   = 200 * time.Millisecond
	readyTimeout = 5 * time.Second
)

// reach makes sure that there is a server: it waits for it where that was asked
// for, and otherwise fails at once rather than trying for a minute. A server
// that answers "not ready" may be ready soon; its events are retried.
func (a *app) reach(ctx context.Context, target publishTarget, opts publishOptions) error {
	url := config.Redact(opts.url)
	limit, cancel := context.WithTimeout(ctx, opts.waitTimeout)
	defer cancel()
	for told := false; ; told = true {
		err := ready(limit, target)
		if errors.Is(err, context.DeadlineExceeded) {
			err = &client.ConnectionError{Server: url, Reached: true, Err: err}
		}
		var answered *client.ResponseError
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case !opts.wait && client.ForeignServer(err):
			return foreign(opts.url, err)
		case !opts.wait && errors.As(err, &answered):
			return nil
		case !opts.wait:
			return withHint(plain(err),
				"Start one with 'eventagg serve', choose another with --url, or wait for it with --wait.")
		case !told:
			_, _ = fmt.Fprintf(a.errOut, "waiting for %s to be ready\n", url)
		}
		select {
		case <-time.After(readyEvery):
		case <-limit.Done():
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return withHint(fmt.Errorf("%s was not ready within %v: %w", url, opts.waitTimeout, plain(err)),
				"Is it started? Wait longer with --wait-timeout.")
		}
	}
}

func ready(ctx context.Context, target publishTarget) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	return target.Ready(ctx)
}
