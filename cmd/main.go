package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/config"
)

// Exit codes, as `eventagg --help` lists them. An interrupted command exits with 128
// plus the number of the signal, as in shells: 130 after Ctrl-C.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
	exitCheck  = 3
	exitSignal = 128
)

// Main runs the command line args (without the name of the program) and returns the
// exit code. Commands read standard input from in, and write results to out and
// everything else to errOut. The version is that of `eventagg version`.
//
// SIGINT and SIGTERM ask the command to end. The same signal again within a second
// is the same request; any other one ends the process at once.
func Main(args []string, in io.Reader, out, errOut io.Writer, version string) int {
	a := &app{in: in, out: out, errOut: errOut, version: version}
	ctx, stop := withSignals(context.Background(), os.Exit) //nolint:forbidigo // a second signal ends the process without waiting
	defer stop()
	return a.main(ctx, args)
}

// app is shared by all commands.
type app struct {
	in          io.Reader
	out, errOut io.Writer
	version     string
	// configFile is the value of --config; empty means ./eventagg.yaml, if it exists.
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

// finish reports err and returns its exit code.
func (a *app) finish(ctx context.Context, err error) int {
	var (
		stopped *signalError
		usage   *usageError
		invalid *config.Error
		check   *checkError
	)
	interrupted := errors.As(context.Cause(ctx), &stopped)
	switch {
	case errors.Is(err, errServed):
		return exitDone
	case errors.Is(err, errOutputClosed):
		return exitSignal + brokenPipe
	case interrupted && (err == nil || errors.Is(err, context.Canceled)):
		return exitSignal + stopped.number
	case err == nil:
		return exitDone
	}
	a.report(err)
	switch {
	case errors.As(err, &usage), errors.As(err, &invalid):
		return exitUsage
	case errors.As(err, &check):
		return exitCheck
	default:
		return exitFailed
	}
}

// report writes the message of an error, and its hint, if any, on the next line.
func (a *app) report(err error) {
	_, _ = fmt.Fprintf(a.errOut, "eventagg: %s\n", api.PrintableLines(err.Error()))
	var hinted interface{ Hint() string }
	if errors.As(err, &hinted) && hinted.Hint() != "" {
		_, _ = fmt.Fprintf(a.errOut, "%s\n", api.PrintableLines(hinted.Hint()))
	}
}
