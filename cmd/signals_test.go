//go:build unix

package cmd

import (
	"context"
	"errors"
	"os"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatchSignals_EndsContextThenProcess(t *testing.T) {
	t.Parallel()
	type sent struct {
		after  time.Duration
		signal os.Signal
	}
	const soon, late = 10 * time.Millisecond, 1100 * time.Millisecond
	tests := map[string]struct {
		signals []sent
		cause   int // number of the signal that ended the context; 0: not ended
		exit    int // exit code; 0: not exited
	}{
		"no signal":                        {},
		"one interrupt":                    {[]sent{{soon, syscall.SIGINT}}, 2, 0},
		"one termination":                  {[]sent{{soon, syscall.SIGTERM}}, 15, 0},
		"the same signal within a second":  {[]sent{{soon, syscall.SIGTERM}, {soon, syscall.SIGTERM}, {soon, syscall.SIGTERM}}, 15, 0},
		"the same signal after a second":   {[]sent{{soon, syscall.SIGTERM}, {late, syscall.SIGTERM}}, 15, 143},
		"repeats count from the first one": {[]sent{{soon, syscall.SIGINT}, {late / 2, syscall.SIGINT}, {late / 2, syscall.SIGINT}}, 2, 130},
		"another signal within a second":   {[]sent{{soon, syscall.SIGTERM}, {soon, syscall.SIGINT}}, 15, 130},
		"a third signal after the end":     {[]sent{{soon, syscall.SIGINT}, {soon, syscall.SIGTERM}, {late, syscall.SIGTERM}}, 2, 143},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancelCause(t.Context())
				signals, done := make(chan os.Signal), make(chan struct{})
				exited, ended := 0, make(chan struct{})
				go func() {
					defer close(ended)
					watchSignals(signals, done, cancel, func(code int) { exited += code })
				}()
				for _, sent := range test.signals {
					time.Sleep(sent.after)
					select {
					case signals <- sent.signal:
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
					t.Errorf("the cause is signal %d, want %d", stopped.number, test.cause)
				}
				if exited != test.exit {
					t.Errorf("exit code %d, want %d", exited, test.exit)
				}
				cancel(nil)
			})
		})
	}
}

func TestWithSignals_ReceivesSignalsOfOperatingSystem(t *testing.T) {
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
