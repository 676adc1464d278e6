//go:build !linux

package testdb

import (
	"fmt"
	"os"
	"syscall"
)

// errUnsupported is the reason why servers can't be started.
var errUnsupported = fmt.Errorf("servers for tests need Linux: %w", errMissing)

func dataFolder() string                                    { return os.TempDir() }
func processAttributes(syscall.Signal) *syscall.SysProcAttr { return nil }
func chownToServerUser(string) error                        { return errUnsupported }
func freeze(int) (func() error, error)                      { return nil, errUnsupported }
