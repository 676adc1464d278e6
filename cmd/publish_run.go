package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/terminal"
)

// runPublish sends events to the server at opts.client.URL.
func (a *app) runPublish(ctx context.Context, opts publishOptions) error {
	opts.send.Responses = new(loadgen.Responses)
	target, closeTarget, err := a.dialPublish(ctx, opts)
	if err != nil {
		return err
	}
	defer closeTarget()
	return a.publish(ctx, target, opts)
}

// publish sends events to a target and prints the report. It returns an error if
// the exit code must not be 0.
func (a *app) publish(ctx context.Context, target publishTarget, opts publishOptions) error {
	baseline, err := opts.measure.readBaseline()
	if err != nil {
		return err
	}
	lines := &lineReporter{out: a.errOut}
	source, err := a.openSource(opts, lines.invalid)
	if err != nil {
		return err
	}
	defer source.close()
	if err := a.reach(ctx, target, opts); err != nil {
		return err
	}
	var newest time.Time // new keys can't be on the server before the run
	if opts.verify && (opts.seeded || opts.file != "") {
		if newest, err = target.Newest(ctx); err != nil {
			return explainDenied(fmt.Errorf("read the time of the newest event before the run: %w", err))
		}
	}
	if opts.verify {
		opts.send.Ledger = &loadgen.Ledger{}
	}
	_, _ = fmt.Fprintf(a.errOut, "publishing %s to %s\n", source.title, config.Redact(opts.client.URL))
	opts.send.OnRejected, opts.send.EndsRun = lines.rejected, endsRun
	runner := loadgen.New(target, source, opts.send)
	progress := terminal.StartProgress(a.errOut, a.interactive(), func() terminal.Frame { return terminal.PublishFrame(runner.Progress()) })
	lines.progress = progress
	report, runErr := runner.Run(ctx)
	progress.Stop()
	report.BadLines = source.bad()
	report.Interrupted = ctx.Err() != nil
	var verifyErr error
	if opts.verify && runErr == nil {
		verifyErr = a.prove(ctx, &report, source, target, opts, newest)
	}
	a.complement(&report, opts, baseline)
	if err := writeReport(a.out, report, opts.format); err != nil {
		return err
	}
	return explainDenied(verdict(report, runErr, verifyErr, !opts.format.json() && terminal.IsTerminal(a.out)))
}

// endsRun reports whether no further request can succeed: the server does not know the
// key, or a certificate is wrong.
func endsRun(err error) bool {
	refused, ok := errors.AsType[*client.ResponseError](err)
	return ok && refused.Status == http.StatusUnauthorized || wrongCertificate(err)
}

// lineReporter reports lines of a file that can't be sent, above the progress bar
// once there is one.
type lineReporter struct {
	out      io.Writer
	progress *terminal.Progress
}

// invalid reports a line that is not an event.
func (l *lineReporter) invalid(line int64, err error) {
	l.println(fmt.Sprintf("line %d: %v", line, err))
	if errors.Is(err, loadgen.ErrArray) {
		l.println("Send the events of an array with: jq -c '.[]' FILE | eventagg publish --file -")
	}
}

// rejected reports a line that the server rejected.
func (l *lineReporter) rejected(line int64, reason error) {
	l.println(fmt.Sprintf("line %d: rejected: %v", line, reason))
}

// println writes a line. Texts in it may be those of a file or of the server.
func (l *lineReporter) println(line string) {
	line = api.Printable(line)
	if l.progress != nil {
		l.progress.Println(line)
		return
	}
	_, _ = fmt.Fprintln(l.out, line)
}

// prove verifies the run and adds the proof to the report.
func (a *app) prove(ctx context.Context, report *loadgen.Report, source *publishSource, target publishTarget, opts publishOptions, newest time.Time) error {
	hidden := false // whether the key may not read the length of the queue
	if report.Queued > 0 {
		err := a.awaitQueue(ctx, target, opts.send.RetryFor)
		if hidden = forbidden(err); err != nil && !hidden {
			return fmt.Errorf("verify: %w", err)
		}
	}
	if hidden {
		_, _ = fmt.Fprintln(a.errOut, "the API key does not have the scope metrics, which shows the length of the queue: waiting for each queued event instead")
	}
	_, _ = fmt.Fprintln(a.errOut, "verifying: reading back every event that got a response")
	proof, err := loadgen.Verify(ctx, report.Counts, opts.send.Ledger, source.originals, target, loadgen.VerifyOptions{
		Newest: newest, Concurrency: opts.send.Concurrency, RetryFor: opts.send.RetryFor, AwaitQueued: hidden,
	})
	if err != nil {
		return fmt.Errorf("verify: %w", err)
	}
	report.Proof = &proof
	return nil
}

func writeReport(out io.Writer, report loadgen.Report, format outputFormat) error {
	if format.json() {
		return writeJSON(out, report)
	}
	return report.WriteText(out)
}

// verdict returns the error that has the right exit code. A failed check comes
// before failures, which the report shows anyway.
//
// shown is set if the report is on the terminal of the error: the checks that failed
// are just above it.
func verdict(report loadgen.Report, runErr, verifyErr error, shown bool) error {
	var failed []error
	switch proof := report.Proof; {
	case proof == nil || proof.Holds:
	case proof.Empty():
		failed = append(failed, fmt.Errorf("verify: nothing is proven, because none of %s events was accepted", terminal.Count(report.Sent)))
	default:
		failed = append(failed, fmt.Errorf("verify: wrong responses, %s violations", terminal.Count(proof.Violations)))
	}
	failedChecks := 0
	for _, check := range report.Checks {
		if check.Failed {
			failedChecks++
			if !shown {
				failed = append(failed, errors.New(check.String()))
			}
		}
	}
	if shown && failedChecks > 0 {
		failed = append(failed, fmt.Errorf("%d of %d checks of --fail-if failed", failedChecks, len(report.Checks)))
	}
	failure := errors.Join(runErr, verifyErr)
	switch {
	case errors.Is(failure, context.Canceled):
		return failure
	case len(failed) > 0:
		return &checkError{err: errors.Join(append(failed, failure)...)}
	case failure != nil:
		return failure
	case report.Failed > 0 || report.Refused() > 0 || report.BadLines > 0:
		return fmt.Errorf("some events were not accepted: %s failed, %s invalid, %s bad lines",
			terminal.Count(report.Failed), terminal.Count(report.Refused()), terminal.Count(report.BadLines))
	default:
		return nil
	}
}
