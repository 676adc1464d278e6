package cmd

import (
	"context"
	"errors"
	"io"
	"os"
)

// errOutputClosed is the error of a command that follows something and whose reader is
// gone, as in 'eventagg tail -f | head'.
var errOutputClosed = errors.New("the reader closed the output")

// brokenPipe is the number of SIGPIPE, which ends other programs in this case.
const brokenPipe = 13

// untilClosed calls follow, and ends its context if out is a pipe that its reader has
// closed. A write would also show that, but there may be none for a long time.
func untilClosed(parent context.Context, out io.Writer, follow func(context.Context) error) error {
	file, ok := out.(*os.File)
	if !ok {
		return follow(parent)
	}
	ctx, cancel := context.WithCancelCause(parent)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if waitClosed(ctx, file) {
			cancel(errOutputClosed)
		}
	}()
	err := follow(ctx)
	cancel(nil)
	<-watched
	if errors.Is(context.Cause(ctx), errOutputClosed) && errors.Is(err, context.Canceled) {
		return errOutputClosed
	}
	return err
}
