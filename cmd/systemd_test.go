package cmd_test

import (
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestServe_NotifiesSystemd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = socket.Close() }()
	server := exec.CommandContext(t.Context(), "eventagg", "serve", "--http-addr", "127.0.0.1:0")
	server.Dir, server.Stderr = t.TempDir(), io.Discard
	server.Env = append(os.Environ(), "NOTIFY_SOCKET="+path, "WATCHDOG_USEC=100000")
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	_ = socket.SetReadDeadline(time.Now().Add(time.Minute))
	var got []string
	buffer := make([]byte, 1<<10)
	for _, want := range []string{"READY=1", "WATCHDOG=1", "WATCHDOG=1", "STOPPING=1"} {
		if want == "STOPPING=1" {
			if err := server.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
		}
		for !slices.Contains(got, want) || got[len(got)-1] != want {
			n, err := socket.Read(buffer)
			if err != nil {
				t.Fatalf("after %q: %v", got, err)
			}
			got = append(got, string(buffer[:n]))
		}
	}
	if got[0] != "READY=1" {
		t.Errorf("notified %q", got)
	}
	if err := server.Wait(); err != nil {
		t.Error(err)
	}
}

// TestSystemd_AcceptsTheUnit checks the unit of the packages. The score of systemd is 0.1 for
// a service without rights and 10 for one with all of them.
func TestSystemd_AcceptsTheUnit(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		t.Skip("systemd-analyze is not installed")
	}
	program, err := exec.LookPath("eventagg")
	if err != nil {
		t.Fatal(err)
	}
	unit := filepath.Join(t.TempDir(), "eventagg.service")
	text := strings.ReplaceAll(readFile(t, "../config/systemd/eventagg.service"), "/usr/bin/eventagg", program)
	if err := os.WriteFile(unit, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	const score = "15" // 1.5
	for _, arguments := range [][]string{
		{"verify", "--man=no", unit},
		{"security", "--offline=true", "--threshold=" + score, unit},
	} {
		if output, err := exec.CommandContext(t.Context(), "systemd-analyze", arguments...).CombinedOutput(); err != nil {
			t.Errorf("systemd-analyze %v: %v\n%s", arguments, err, output)
		}
	}
}
