//go:build unix

package cmd_test

import (
	"bufio"
	"os/exec"
	"strings"
	"syscall"
	"testing"
)

// The reader of the log goes away, for example a container's log collector. The
// records of the shutdown then can't be written.
func TestServe_SurvivesBrokenLogPipe(t *testing.T) {
	t.Parallel()
	server := exec.CommandContext(t.Context(), "eventagg", "serve", "--http-addr", "127.0.0.1:0")
	server.Dir = t.TempDir()
	stderr, err := server.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stderr)
	for ready := false; !ready && lines.Scan(); {
		ready = strings.Contains(lines.Text(), "msg=listening")
	}
	if err := stderr.Close(); err != nil {
		t.Fatal(err)
	}
	if err := server.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = server.Wait()
	if code := server.ProcessState.ExitCode(); code != 0 {
		t.Errorf("serve ended with %v after its log was closed", server.ProcessState)
	}
}
