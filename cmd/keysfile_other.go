//go:build !unix

package cmd

import "io/fs"

// hasModes is false: the mode of a file on Windows does not say who can write it.
const hasModes = false

// ownGroup is not used without modes.
func ownGroup(fs.FileInfo) bool { return true }
