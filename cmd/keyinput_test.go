package cmd

import (
	"context"
	"io"
	"testing"
)

func TestReadKey_EndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	in, writer := io.Pipe()
	defer writer.Close()
	a, _, errOut := testApp()
	a.in = in
	cancel(&signalError{number: 2})
	_, err := a.readKey(ctx)
	if code := a.finish(ctx, err); code != exitSignal+2 || errOut.Len() > 0 {
		t.Errorf("exit code %d, error %v, wrote %s", code, err, errOut)
	}
}
