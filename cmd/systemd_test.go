package cmd_test

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/suitetest"
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

// TestServe_TakesTheSocketOfSystemd passes an open socket, as a socket unit does.
func TestServe_TakesTheSocketOfSystemd(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		address string
		args    string
		exit    int
	}{
		"a loopback socket needs no keys":      {address: "127.0.0.1:0"},
		"another one is refused without keys":  {address: "0.0.0.0:0", exit: 2},
		"or is accepted if it is asked for so": {address: "0.0.0.0:0", args: "--insecure-no-auth"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			socket, err := net.Listen("tcp", row.address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = socket.Close() }()
			listener, _ := socket.(*net.TCPListener)
			file, err := listener.File()
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = file.Close() }()
			// systemd names the process for which the socket is.
			server := exec.CommandContext(t.Context(), "sh", "-c", "LISTEN_PID=$$ exec eventagg serve "+row.args)
			var log bytes.Buffer
			server.Dir, server.Stderr, server.ExtraFiles = t.TempDir(), &log, []*os.File{file}
			server.Env = append(os.Environ(), "LISTEN_FDS=1")
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			if row.exit == 0 {
				_, port, _ := net.SplitHostPort(socket.Addr().String())
				suitetest.Eventually(t, "serve responds at the socket", func() bool {
					response, err := (&http.Client{Timeout: time.Second}).Get("http://127.0.0.1:" + port + "/readyz")
					return err == nil && response.Body.Close() == nil && response.StatusCode == http.StatusOK
				})
				_ = server.Process.Signal(syscall.SIGTERM)
			}
			_ = server.Wait()
			if got := server.ProcessState.ExitCode(); got != row.exit {
				t.Errorf("exit code %d, want %d:\n%s", got, row.exit, &log)
			}
		})
	}
}
