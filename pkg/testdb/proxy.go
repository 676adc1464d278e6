package testdb

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// StartProxy starts a reverse proxy (nginx, haproxy, caddy or apache2) in the foreground, waits
// until it listens on address, and ends it when the test ends.
func StartProxy(t testing.TB, address, program string, args ...string) {
	t.Helper()
	path, err := findProxy(program)
	if err != nil {
		skipOrFail(t, program, err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var output bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) } // nginx ends its worker, too
	cmd.WaitDelay = 5 * time.Second
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.Env = append(cmd.Environ(), "HOME="+t.TempDir(), "XDG_DATA_HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("%s wrote:\n%s", program, &output)
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; {
		if conn, err := net.Dial("tcp", address); err == nil {
			_ = conn.Close()
			return
		}
		select {
		case err := <-ended:
			ended <- err
			t.Fatalf("%s ended with %v:\n%s", program, err, &output)
		case <-time.After(20 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not listen on %s", program, address)
		}
	}
}

// Program returns the path of a program that a test runs.
func Program(t testing.TB, name string) string {
	t.Helper()
	path, err := findProxy(name)
	if err != nil {
		skipOrFail(t, name, err)
	}
	return path
}

// findProxy looks in PATH and where Debian keeps servers.
func findProxy(program string) (string, error) {
	for _, name := range []string{program, filepath.Join("/usr/sbin", program)} {
		path, err := exec.LookPath(name)
		if err == nil {
			return path, nil
		}
		if !errors.Is(err, exec.ErrNotFound) && !errors.Is(err, exec.ErrDot) && filepath.IsAbs(name) {
			break
		}
	}
	return "", fmt.Errorf("%s: %w", program, errMissing)
}
