package chaostest

import (
	"bytes"
	"net/http"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// instance is a process of serve that can be restarted.
type instance struct {
	t      *testing.T
	addr   string
	args   []string
	cmd    *exec.Cmd
	exited chan struct{} // closed when the process has ended
	log    *bytes.Buffer
}

// newInstance starts an instance on a free port.
func newInstance(t *testing.T, args ...string) *instance {
	t.Helper()
	i := &instance{t: t, addr: testdb.FreeAddress(t), args: args, log: new(bytes.Buffer)}
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
	program, err := os.Executable()
	if err != nil {
		i.t.Fatal(err)
	}
	i.cmd = exec.Command(program, append([]string{"serve", "--http-addr", i.addr}, i.args...)...)
	i.cmd.Env = append(os.Environ(), asEventagg+"=1", "EVENTAGG_LOG_LEVEL=warn")
	i.cmd.Dir = i.t.TempDir()
	i.cmd.Stdout, i.cmd.Stderr = i.log, i.log
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	i.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		defer close(exited)
		_ = cmd.Wait()
	}(i.cmd, i.exited)
}

// end signals the process and waits for its end. It returns the exit code, or -1 if the
// signal killed it.
func (i *instance) end(signal syscall.Signal) int {
	if i.cmd == nil {
		return 0
	}
	_ = i.cmd.Process.Signal(signal)
	<-i.exited
	code := i.cmd.ProcessState.ExitCode()
	i.cmd = nil
	return code
}

// ensureRunning waits until the instance responds. It starts the process if it does not
// run, again and again as a supervisor does: it exits if its database is unavailable.
func (i *instance) ensureRunning() {
	i.t.Helper()
	probe := http.Client{Timeout: time.Second}
	defer probe.CloseIdleConnections()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if i.cmd == nil {
			i.start()
		}
		response, err := probe.Get("http://" + i.addr + api.PathHealthz)
		if err == nil {
			_ = response.Body.Close()
			return
		}
		select {
		case <-i.exited:
			i.cmd = nil
		default:
		}
	}
	i.t.Fatalf("%s does not start", i.addr)
}
