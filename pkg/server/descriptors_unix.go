//go:build unix

package server

import (
	"math"
	"syscall"
)

// DescriptorLimit returns the maximum number of open descriptors, or 0 for no limit.
// Go has raised the soft limit to the hard one at the start of the program: package
// os does that.
func DescriptorLimit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) > math.MaxInt32 { //nolint:unconvert // signed on some systems
		return 0
	}
	return int(limit.Cur)
}
