//go:build !race && (amd64 || arm64)

package exchange

import (
	"syscall"
	"unsafe"
)

// direct says whether send and receive work here.
const direct = true

// send gives the socket as much of the text as it takes without waiting, and
// says how much that is: 0 also after an error, which Write will meet again.
func send(descriptor uintptr, text []byte) int {
	n, failed := call(syscall.SYS_SENDTO, descriptor, text, syscall.MSG_NOSIGNAL)
	if failed != 0 {
		return 0
	}
	return n
}

// receive takes what has come, and reports whether there was nothing yet. n is
// 0 at the end and after an error, too, which Read will meet again.
func receive(descriptor uintptr, buffer []byte) (n int, again bool) {
	n, failed := call(syscall.SYS_RECVFROM, descriptor, buffer, 0)
	if failed != 0 {
		return 0, failed == syscall.EAGAIN
	}
	return n, false
}

// call makes one of the two calls, without telling the runtime: RawSyscall is
// for calls that don't block, and MSG_DONTWAIT says that these don't.
func call(trap, descriptor uintptr, memory []byte, flags uintptr) (int, syscall.Errno) {
	n, _, failed := syscall.RawSyscall6(trap, descriptor,
		uintptr(unsafe.Pointer(unsafe.SliceData(memory))), uintptr(len(memory)), //nolint:gosec // the kernel stays within it
		flags|syscall.MSG_DONTWAIT, 0, 0)
	return int(n), failed
}
