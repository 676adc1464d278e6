package loadgen

import (
	"time"

	"golang.org/x/sys/unix"
)

// nap blocks the thread, with the precision of the kernel. A signal can end it early.
func nap(d time.Duration) {
	wait := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&wait, nil)
}
