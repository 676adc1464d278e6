package cmd

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// signalError is the cause of a context that a signal has ended.
type signalError struct{ number int }

// Error names the signal.
func (e *signalError) Error() string { return "stopped by signal " + syscall.Signal(e.number).String() }

// withSignals returns a context that ends, with a *signalError as its cause, at
// the first SIGINT or SIGTERM. At the second one it calls exit with 128 plus the
// signal's number: whoever asks twice doesn't want to wait. The function
// returned gives the signals back and must be called.
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

// watchSignals is the decision of withSignals, apart from the operating system.
func watchSignals(signals <-chan os.Signal, done <-chan struct{}, cancel context.CancelCauseFunc, exit func(int)) {
	for asked := false; ; asked = true {
		select {
		case <-done:
			return
		case sig := <-signals:
			number := signalNumber(sig)
			if asked {
				exit(exitSignal + number)
				return
			}
			cancel(&signalError{number: number})
		}
	}
}

// signalNumber returns the number of a signal; where there are none (Windows
// knows only the interrupt), that of SIGINT.
func signalNumber(sig os.Signal) int {
	if number, ok := sig.(syscall.Signal); ok {
		return int(number)
	}
	return int(syscall.SIGINT)
}
