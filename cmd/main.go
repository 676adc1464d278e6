package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/eventagg/eventagg/pkg/config"
)

// Exit codes, as `eventagg --help` lists them. An interrupted command exits
// with 128 plus the signal's number, as shells have it: 130 after Ctrl-C.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitCheck  = 3
	exitSignal = 128
)

// Main runs the command line args (without the program's name) and returns the
// exit code of the process. It reads from in where a command is told to, writes
// results to out and everything else to errOut. The version is what
// `eventagg version` prints.
//
// Main listens for SIGINT and SIGTERM while it runs. The first one asks the
// command to end; a second one ends the process at once.
func Main(args []string, in io.Reader, out, errOut io.Writer, version string) int {
	a := &app{in: in, out: out, errOut: errOut, version: version}
	ctx, stop := withSignals(context.Background(), os.Exit) //nolint:forbidigo // the second signal waits for nobody
	defer stop()
	return a.main(ctx, args)
}

// app is what all commands share.
type app struct {
	in          io.Reader
	out, errOut io.Writer
	version     string
	// configFile is the value of --config; empty is ./eventagg.yaml, if any.
	configFile string
}

func (a *app) main(ctx context.Context, args []string) int {
	root := a.newRootCmd() //nolint:contextcheck // cobra hands the context to the command
	root.SetArgs(args)
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.errOut)
	err := root.ExecuteContext(ctx)
	return a.finish(ctx, err)
}

// finish reports err, once, and returns the exit code it stands for.
func (a *app) finish(ctx context.Context, err error) int {
	var (
		stopped *signalError
		usage   *usageError
		faults  *config.Error
		check   *checkError
	)
	interrupted := errors.As(context.Cause(ctx), &stopped)
	switch {
	case errors.Is(err, errServed):
		return exitDone
	case interrupted && (err == nil || errors.Is(err, context.Canceled)):
		return exitSignal + stopped.number
	case err == nil:
		return exitDone
	}
	a.complain(err)
	switch {
	case errors.As(err, &usage), errors.As(err, &faults):
		return exitUsage
	case errors.As(err, &check):
		return exitCheck
	default:
		return exitFailed
	}
}

// complain writes an error for people: the message, then the hint if there is
// one on a line of its own.
func (a *app) complain(err error) {
	_, _ = fmt.Fprintf(a.errOut, "eventagg: %s\n", err)
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) && hinted.Hint() != "" {
		_, _ = fmt.Fprintf(a.errOut, "%s\n", hinted.Hint())
	}
}
