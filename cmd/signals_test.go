//go:build unix

package cmd

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
)

func TestWatchSignals(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		signals []os.Signal
		cause   int // number of the signal that ended the context; 0: not ended
		exit    int // exit code; 0: not exited
	}{
		"no signal leaves the context alone":          {},
		"an interrupt ends the context":               {[]os.Signal{syscall.SIGINT}, 2, 0},
		"a termination ends the context":              {[]os.Signal{syscall.SIGTERM}, 15, 0},
		"a second interrupt ends the process":         {[]os.Signal{syscall.SIGTERM, syscall.SIGINT}, 15, 130},
		"a second termination ends the process":       {[]os.Signal{syscall.SIGINT, syscall.SIGTERM}, 2, 143},
		"a third signal finds nobody to listen to it": {[]os.Signal{syscall.SIGINT, syscall.SIGINT, syscall.SIGTERM}, 2, 130},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			signals, done := make(chan os.Signal), make(chan struct{})
			exited, ended := 0, make(chan struct{})
			go func() {
				defer close(ended)
				watchSignals(signals, done, cancel, func(code int) { exited += code })
			}()
			for _, sig := range test.signals {
				select {
				case signals <- sig:
				case <-ended:
				}
			}
			close(done)
			<-ended
			var stopped *signalError
			if errors.As(context.Cause(ctx), &stopped) != (test.cause != 0) {
				t.Fatalf("the context's cause is %v", context.Cause(ctx))
			}
			if test.cause != 0 && stopped.number != test.cause {
				t.Errorf("the cause is signal %d, expected %d", stopped.number, test.cause)
			}
			if exited != test.exit {
				t.Errorf("exit code %d, expected %d", exited, test.exit)
			}
		})
	}
}

func TestWithSignalsHearsTheOperatingSystem(t *testing.T) {
	ctx, stop := withSignals(t.Context(), func(int) { t.Error("exited at the first signal") })
	defer stop()
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-ctx.Done()
	if got, want := context.Cause(ctx).Error(), "stopped by signal terminated"; got != want {
		t.Errorf("the cause is %q, expected %q", got, want)
	}
}
