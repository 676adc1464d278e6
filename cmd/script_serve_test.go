package cmd_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/eventagg/eventagg/pkg/certs/certstest"
	"github.com/eventagg/eventagg/pkg/config"
)

// started is an eventagg process of a script.
type started struct {
	process *exec.Cmd
	stderr  *bufio.Reader
	log     bytes.Buffer
}

func serve(ts *testscript.TestScript, neg bool, args []string) {
	start(ts, neg, append([]string{"msg=listening", "serve", "--http-addr", "127.0.0.1:0"}, args...))
}

func start(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 || stateOf(ts).started != nil {
		ts.Fatalf("usage: start TEXT ARGS… (one at a time)")
	}
	s, err := newStarted(ts, args[1:])
	ts.Check(err)
	stateOf(ts).started = s
	ts.Defer(s.kill)
	line := s.waitFor(ts, args[0])
	if url := regexp.MustCompile(`https?://[^ ,]+`).FindString(strings.TrimSpace(line)); url != "" {
		ts.Setenv("URL", url)
		ts.Setenv("ADDR", url[strings.LastIndex(url, "/")+1:])
	}
}

// eventagg returns a command in the folder and with the environment of the script.
func eventagg(ts *testscript.TestScript, args []string) *exec.Cmd {
	program, err := findIn(ts.Getenv("PATH"), "eventagg")
	ts.Check(err)
	process := exec.Command(program, args...)
	process.Dir = ts.MkAbs(".")
	process.Env = []string{"HOME=" + ts.Getenv("HOME"), "TMPDIR=" + ts.Getenv("TMPDIR")}
	for _, setting := range config.Settings() {
		process.Env = append(process.Env, setting.Variable+"="+ts.Getenv(setting.Variable))
	}
	return process
}

func lines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: lines COUNT ARGS…")
	}
	count, err := strconv.Atoi(args[0])
	ts.Check(err)
	process := eventagg(ts, args[1:])
	process.Stderr = ts.Stderr()
	stdout, err := process.StdoutPipe()
	ts.Check(err)
	ts.Check(process.Start())
	output := bufio.NewReader(stdout)
	for range count {
		line, err := output.ReadString('\n')
		_, _ = io.WriteString(ts.Stdout(), line)
		if err != nil {
			break // it ended; the script compares the output
		}
	}
	errSignal := process.Process.Signal(syscall.SIGINT)
	_, errRead := io.Copy(ts.Stdout(), output)
	_ = process.Wait()
	if code := process.ProcessState.ExitCode(); code != 130 || errSignal != nil || errRead != nil {
		ts.Fatalf("exit code %d, want 130 after SIGINT (%v, %v)", code, errSignal, errRead)
	}
}

func newStarted(ts *testscript.TestScript, args []string) (*started, error) {
	s := &started{process: eventagg(ts, args)}
	stderr, err := s.process.StderrPipe()
	if err != nil {
		return nil, err
	}
	s.stderr = bufio.NewReader(stderr)
	return s, s.process.Start()
}

// waitFor reads standard error up to a line with the text, and returns it.
func (s *started) waitFor(ts *testscript.TestScript, text string) string {
	for {
		line, err := s.stderr.ReadString('\n')
		s.log.WriteString(line)
		if strings.Contains(line, text) {
			return line
		}
		if err != nil {
			ts.Fatalf("the program ended before it wrote %q:\n%s", text, &s.log)
		}
	}
}

// findIn finds a program like exec.LookPath, in the PATH of the script.
func findIn(path, program string) (string, error) {
	for dir := range strings.SplitSeq(path, string(os.PathListSeparator)) {
		if found, err := exec.LookPath(filepath.Join(dir, program)); err == nil {
			return found, nil
		}
	}
	return "", &exec.Error{Name: program, Err: exec.ErrNotFound}
}

// end reads the rest of the output and returns the exit code.
func (s *started) end() (int, error) {
	_, errRead := io.Copy(&s.log, s.stderr)
	err := s.process.Wait()
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		return ended.ExitCode(), errRead
	}
	return 0, errors.Join(err, errRead)
}

// kill ends a program that still runs after the script.
func (s *started) kill() {
	if s.process.ProcessState == nil {
		_ = s.process.Process.Kill()
		_, _ = s.end()
	}
}

// hang starts to publish an event and waits until the server reads its body.
func hang(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: hang")
	}
	conn, err := net.Dial("tcp", ts.Getenv("ADDR"))
	ts.Check(err)
	ts.Defer(func() { _ = conn.Close() })
	_, err = io.WriteString(conn, "POST /publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"+
		"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n")
	ts.Check(err)
	response, err := bufio.NewReader(conn).ReadString('\n')
	ts.Check(err)
	if !strings.HasPrefix(response, "HTTP/1.1 100 ") {
		ts.Fatalf("the server responded %q", response)
	}
}

// certificates writes ca.pem, other-ca.pem, and certificates of ca.pem with their keys:
// server.pem, renewed.pem and client.pem.
func certificates(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 0 {
		ts.Fatalf("usage: certificates")
	}
	test, folder := stateOf(ts).test, ts.MkAbs(".")
	authority := certstest.NewAuthority(test)
	certstest.Write(test, filepath.Join(folder, "ca.pem"), authority.PEM())
	certstest.Write(test, filepath.Join(folder, "other-ca.pem"), certstest.NewAuthority(test).PEM())
	authority.Server().Write(test, folder, "server")
	authority.Server().Write(test, folder, "renewed")
	authority.Client("robot", "spiffe://example.org/robot").Write(test, folder, "client")
}

func sendsignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: sendsignal NAME TEXT (after start)")
	}
	send(ts, args[0]).waitFor(ts, args[1])
}

func signal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal NAME CODE (after start)")
	}
	s := send(ts, args[0])
	stateOf(ts).started = nil
	code, err := s.end()
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs("serve.log"), s.log.Bytes(), 0o600))
	if strconv.Itoa(code) != args[1] {
		ts.Fatalf("exit code %d, expected %s:\n%s", code, args[1], &s.log)
	}
}

// send sends a signal to the started program.
func send(ts *testscript.TestScript, name string) *started {
	signals := map[string]syscall.Signal{"INT": syscall.SIGINT, "TERM": syscall.SIGTERM, "KILL": syscall.SIGKILL, "HUP": syscall.SIGHUP}
	s := stateOf(ts).started
	if s == nil || signals[name] == 0 {
		ts.Fatalf("nothing was started, or invalid signal %s", name)
	}
	ts.Check(s.process.Process.Signal(signals[name]))
	return s
}
