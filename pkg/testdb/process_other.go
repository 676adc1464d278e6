//go:build !linux

package testdb

import (
	"fmt"
	"syscall"
)

// supported is nil where servers can be started.
var supported = fmt.Errorf("servers for tests need Linux: %w", errMissing)

func attributes(syscall.Signal) *syscall.SysProcAttr { return nil }
func handOver(string) error                          { return supported }
func freeze(int) (func() error, error)               { return nil, supported }
func tellParent(string)                              {}
