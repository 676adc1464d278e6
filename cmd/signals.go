package cmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// signalError is the cause of a context that a signal has ended.
type signalError struct{ number int }

// Error names the signal.
func (e *signalError) Error() string { return "stopped by signal " + syscall.Signal(e.number).String() }

// sameRequest is the time in which the same signal again is the same request. GNU
// timeout, for example, signals the process and its group, so that SIGTERM arrives
// twice.
const sameRequest = time.Second

// withSignals returns a context that ends at the first SIGINT or SIGTERM, with a
// *signalError as its cause. A further signal calls exit with 128 plus its number,
// unless it is the same request (see [sameRequest]). The returned function must be
// called; it restores the signals.
func withSignals(parent context.Context, exit func(code int)) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		watchSignals(signals, done, cancel, exit)
	}()
	return ctx, func() {
		signal.Stop(signals)
		close(done)
		<-ended
		cancel(nil)
	}
}

// watchSignals is withSignals without the operating system.
func watchSignals(signals <-chan os.Signal, done <-chan struct{}, cancel context.CancelCauseFunc, exit func(int)) {
	var (
		first   os.Signal
		arrived time.Time
	)
	for {
		select {
		case <-done:
			return
		case sig := <-signals:
			switch {
			case first == nil:
				first, arrived = sig, time.Now()
				cancel(&signalError{number: signalNumber(sig)})
			case sig != first || time.Since(arrived) > sameRequest:
				exit(exitSignal + signalNumber(sig))
				return
			}
		}
	}
}

// ignoreBrokenPipe keeps the process running if the reader of its log or output goes
// away. By default SIGPIPE would end it.
func ignoreBrokenPipe() { signal.Ignore(syscall.SIGPIPE) }

// signalNumber returns the number of a signal. Windows has only the interrupt, which
// gets the number of SIGINT.
func signalNumber(sig os.Signal) int {
	if number, ok := sig.(syscall.Signal); ok {
		return int(number)
	}
	return int(syscall.SIGINT)
}
