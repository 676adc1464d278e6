package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// server is a running `eventagg serve`.
type server struct {
	address string
	cmd     *exec.Cmd
	log     *bytes.Buffer
}

// startServer starts the server on a free port and waits until it responds.
func startServer(ctx context.Context, o options) (*server, error) {
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{address: listener.Addr().String(), log: new(bytes.Buffer)}
	_ = listener.Close()
	flags := append([]string{"serve", "--http-addr", s.address, "--database-url", "sqlite:" + filepath.Join(o.folder, "events.db"), "--log-level", "warn"},
		strings.Fields(o.serve)...)
	s.cmd = exec.Command(o.binary, flags...) //nolint:gosec // the binary that the caller wants to attack
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = o.folder, s.log, s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C ends the attacks first
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); pause(ctx, 50*time.Millisecond) {
		response, err := http.Get("http://" + s.address + "/healthz")
		if err == nil {
			_ = response.Body.Close()
			return s, nil
		}
	}
	return nil, errors.Join(fmt.Errorf("the server does not start: %s", s.log), s.stop())
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// stop ends the server. A server that does not end by itself is an error.
func (s *server) stop() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	killed := time.AfterFunc(40*time.Second, func() { _ = s.cmd.Process.Kill() })
	defer killed.Stop()
	if err := s.cmd.Wait(); err != nil {
		return fmt.Errorf("the server ended with %w; its log: %s", err, tailOf(s.log.String()))
	}
	return nil
}

// tailOf returns the last lines of a log.
func tailOf(log string) string {
	const lines = 20
	all := strings.Split(strings.TrimSpace(log), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// memoryOf returns the resident memory of a process in bytes, and its peak.
func memoryOf(pid int) (now, peak int64) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		var kib int64
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &kib); err == nil {
			now = kib << 10
		}
		if _, err := fmt.Sscanf(line, "VmHWM: %d kB", &kib); err == nil {
			peak = kib << 10
		}
	}
	return now, peak
}

// descriptorsOf returns the number of open descriptors of a process.
func descriptorsOf(pid int) int {
	entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return 0
	}
	return len(entries)
}
