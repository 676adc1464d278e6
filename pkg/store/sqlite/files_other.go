//go:build !unix

package sqlite

import "os"

// lockExclusively does nothing: Windows does not rename a file that is open.
func lockExclusively(string) (unlock func(), err error) { return func() {}, nil }

// giveToOwner does nothing: the file has the rights of its folder.
func giveToOwner(*os.File, string) error { return nil }
