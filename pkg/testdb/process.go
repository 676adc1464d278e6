package testdb

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// startTimeout bounds how long a server may take to start or stop. It is that
// long for machines that are busy with other things.
const startTimeout = time.Minute

// process is one running server.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
}

// spawn starts a server that dies with the test binary: onDeath is sent to it
// when the thread that started it ends, so that thread waits for it.
func spawn(cmd *exec.Cmd, onDeath syscall.Signal) (*process, error) {
	p := &process{cmd: cmd, done: make(chan struct{})}
	cmd.SysProcAttr = attributes(onDeath)
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // a server that was killed ends with an error
			close(p.done)
		}
	}()
	return p, <-started
}

// until polls a condition until it holds, the process ends, or time is up.
func (p *process) until(ready func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-p.done:
			return fmt.Errorf("it ended: %v", p.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("not ready after %v", startTimeout)
		case <-tick.C:
		}
	}
	return nil
}

// end sends a signal and waits until the process has ended.
func (p *process) end(signal os.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(startTimeout):
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("did not end within %v after %v; killed", startTimeout, signal)
	}
}

// pid is the process's number; a nil process has none.
func (p *process) pid() (int, bool) {
	if p == nil {
		return 0, false
	}
	return p.cmd.Process.Pid, true
}

// newFolder makes a folder that the servers' user owns.
func newFolder(name string) (string, error) {
	dir, err := os.MkdirTemp(os.Getenv(envDir), "eventagg-"+name+"-")
	if err != nil {
		return "", err
	}
	return dir, handOver(dir)
}

// writeFile writes a file that only the servers' user can read.
func writeFile(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", err
	}
	return path, handOver(path)
}

// freePort picks a loopback port that nobody listens on. It lies below the range
// that systems take the ports of outgoing connections from, so that a server
// which is stopped finds its port free when it starts again.
func freePort() (int, error) {
	const first, last, attempts = 14000, 32000, 50
	var err error
	for range attempts {
		port := first + rand.IntN(last-first)
		var listener net.Listener
		if listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("find a free port: %w", err)
}

// tail returns the end of a server's log, for the message of a failed start.
func tail(path string) string {
	const most = 2000
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-most):])
}
