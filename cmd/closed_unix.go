//go:build unix

package cmd

import (
	"context"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// closedEvery is the interval in which [waitClosed] looks at the context.
const closedEvery = 250 * time.Millisecond

// waitClosed waits until the reader of a pipe has closed it, or until ctx ends. It
// reports whether the pipe is closed.
func waitClosed(ctx context.Context, file *os.File) bool {
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeNamedPipe == 0 {
		return false
	}
	for ctx.Err() == nil {
		fds := []unix.PollFd{{Fd: int32(file.Fd())}}
		if _, err := unix.Poll(fds, int(closedEvery.Milliseconds())); err == nil && fds[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0 {
			return true
		}
	}
	return false
}
