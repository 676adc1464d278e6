//go:build unix

package powerloss

import (
	"io/fs"
	"syscall"
)

// owner returns the user and group of a file.
func owner(info fs.FileInfo) (uid, gid uint32) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Uid, stat.Gid
	}
	return 0, 0
}
