//go:build unix

package sqlite

import "syscall"

// mayWrite returns an error if this user may not write a file, or if its file system is
// read-only.
func mayWrite(path string) error {
	const write = 2 // W_OK of access(2)
	return syscall.Access(path, write)
}
