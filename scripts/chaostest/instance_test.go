package chaostest

import (
	"bytes"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// instance is one process of serve that is started again and again.
type instance struct {
	t      *testing.T
	binary string
	addr   string
	args   []string
	cmd    *exec.Cmd
	log    *bytes.Buffer
}

// build makes the program for the tests of this package.
func build(t *testing.T) string {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "eventagg")
	if out, err := exec.Command("go", "build", "-o", binary, "../..").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return binary
}

// newInstance starts an instance on a port of its own.
func newInstance(t *testing.T, binary string, args ...string) *instance {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{t: t, binary: binary, addr: listener.Addr().String(), args: args, log: new(bytes.Buffer)}
	_ = listener.Close()
	t.Cleanup(func() {
		i.end(syscall.SIGKILL)
		if t.Failed() {
			t.Logf("%s wrote:\n%s", i.addr, i.log)
		}
	})
	i.start()
	return i
}

func (i *instance) start() {
	i.t.Helper()
	i.cmd = exec.Command(i.binary, append([]string{"serve", "--http-addr", i.addr}, i.args...)...)
	i.cmd.Env = append(os.Environ(), "EVENTAGG_LOG_LEVEL=warn")
	i.cmd.Dir = i.t.TempDir()
	i.cmd.Stdout, i.cmd.Stderr = i.log, i.log
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
}

// end signals the process and waits for its end. It returns the exit code, -1
// where a signal ended it.
func (i *instance) end(signal syscall.Signal) int {
	if i.cmd == nil {
		return 0
	}
	_ = i.cmd.Process.Signal(signal)
	_ = i.cmd.Wait()
	code := i.cmd.ProcessState.ExitCode()
	i.cmd = nil
	return code
}

// listens waits until the instance takes connections, and starts it again where
// it has ended, as a supervisor would: without its database it can't begin.
func (i *instance) listens(limit time.Duration) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); {
		if conn, err := net.DialTimeout("tcp", i.addr, time.Second); err == nil {
			_ = conn.Close()
			return true
		}
		time.Sleep(50 * time.Millisecond)
	}
	return false
}
