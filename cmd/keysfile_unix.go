//go:build unix

package cmd

import (
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// hasModes reports whether the mode of a file says who can write it.
const hasModes = true

// ownGroup reports whether the process belongs to the group of a file.
func ownGroup(info fs.FileInfo) bool {
	file, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	gid := int(file.Gid)
	groups, _ := os.Getgroups()
	return gid == os.Getegid() || slices.Contains(groups, gid)
}
