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
	"testing"
	"time"
)

// startTimeout limits how long a server may take to start or stop. It is long
// because the machine may be busy with other tests.
const startTimeout = time.Minute

// process is one running server.
type process struct {
	cmd  *exec.Cmd
	done chan struct{} // closed when the process has ended
}

// launch starts a server and waits until it is ready. Its output goes to the
// file log. The kernel sends onDeath to it when the test binary ends.
func launch(cmd *exec.Cmd, log string, onDeath syscall.Signal, ready func() bool) (*process, error) {
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = out.Close() }()
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = out, out, processAttributes(onDeath)
	p := &process{cmd: cmd, done: make(chan struct{})}
	if err := p.begin(); err != nil {
		return nil, err
	}
	if err := p.waitUntil(ready); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), errors.Join(err, p.end(onDeath)), logTail(log))
	}
	return p, nil
}

// begin starts the process from a thread that waits for its end: the kernel
// sends the signal of processAttributes when that thread ends.
func (p *process) begin() error {
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // a killed server ends with an error
			close(p.done)
		}
	}()
	return <-started
}

// waitUntil polls a condition until it holds, the process ends, or the time is
// up.
func (p *process) waitUntil(ready func() bool) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !ready() {
		select {
		case <-p.done:
			return fmt.Errorf("the process ended: %v", p.cmd.ProcessState)
		case <-ctx.Done():
			return fmt.Errorf("not ready after %v", startTimeout)
		case <-tick.C:
		}
	}
	return nil
}

// end sends a signal and waits until the process has ended. It does nothing for
// a nil process.
func (p *process) end(signal os.Signal) error {
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case <-p.done:
		return nil
	case <-timeout.C:
		_ = p.cmd.Process.Kill()
		<-p.done
		return fmt.Errorf("killed, because it did not end within %v after %v", startTimeout, signal)
	}
}

// pid is the process ID; a nil process has none.
func (p *process) pid() (int, bool) {
	if p == nil {
		return 0, false
	}
	return p.cmd.Process.Pid, true
}

// newFolder creates a folder that the servers' user owns.
func newFolder(name string) (string, error) {
	dir, err := os.MkdirTemp(dataFolder(), "eventagg-"+name+"-")
	if err != nil {
		return "", err
	}
	return dir, chownToServerUser(dir)
}

// writeFile writes a file that only the servers' user can read.
func writeFile(dir, name, text string) (string, error) {
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", err
	}
	return path, chownToServerUser(path)
}

// FreeAddress returns an unused address on the loopback interface, for a server that
// the test starts, and perhaps starts again: see freePort.
func FreeAddress(t testing.TB) string {
	t.Helper()
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
}

// freePort picks an unused loopback port. It is below the range of the ports of
// outgoing connections, so that a stopped server finds its port free when it
// starts again.
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

// logTail returns the end of a server's log, for the message of a failed start.
func logTail(path string) string {
	const maxBytes = 2000
	text, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-maxBytes):])
}
