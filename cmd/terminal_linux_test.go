package cmd_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"golang.org/x/sys/unix"
)

// pseudoTerminal is a program that runs on a terminal, and the other side of that
// terminal.
type pseudoTerminal struct {
	t       *testing.T
	program *exec.Cmd
	control *os.File
	shown   bytes.Buffer
}

// onTerminal starts eventagg with a terminal of its own for input, output and errors.
func onTerminal(t *testing.T, args ...string) *pseudoTerminal {
	t.Helper()
	control, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("no pseudo-terminals: %v", err)
	}
	t.Cleanup(func() { _ = control.Close() })
	number, err := unix.IoctlGetInt(int(control.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(control.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Skipf("no pseudo-terminals: %v", err)
	}
	tty, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	program := exec.CommandContext(t.Context(), "eventagg", args...)
	program.Dir = t.TempDir()
	program.Env = append(os.Environ(), "TERM=xterm", "NO_COLOR=1")
	program.Stdin, program.Stdout, program.Stderr = tty, tty, tty
	program.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := errors.Join(program.Start(), tty.Close()); err != nil {
		t.Fatal(err)
	}
	return &pseudoTerminal{t: t, program: program, control: control}
}

// waitFor reads until the program has written text.
func (p *pseudoTerminal) waitFor(text string) {
	p.t.Helper()
	buffer := make([]byte, 4096)
	for !strings.Contains(p.shown.String(), text) {
		n, err := p.control.Read(buffer)
		p.shown.Write(buffer[:n])
		if err != nil {
			p.t.Fatalf("the program ended without %q: %q", text, p.shown.String())
		}
	}
}

// end returns everything that the program has written, and its exit code.
func (p *pseudoTerminal) end() (shown string, code int) {
	p.t.Helper()
	_, err := io.Copy(&p.shown, p.control)
	if err != nil && !errors.Is(err, syscall.EIO) { // EIO: the program has closed the terminal
		p.t.Fatal(err)
	}
	_ = p.program.Wait()
	return p.shown.String(), p.program.ProcessState.ExitCode()
}

// servedURL starts a server with an empty SQLite file, and returns its URL.
func servedURL(t *testing.T) string {
	t.Helper()
	s := newStage(t, "sqlite:"+filepath.Join(t.TempDir(), "e.db"))
	s.serve()
	return "http://" + s.addr
}

func TestTerminal_PromptHasItsOwnLine(t *testing.T) {
	t.Parallel()
	url := servedURL(t)
	p := onTerminal(t, "stats", "--watch", "--url", url)
	p.waitFor("duplicates")
	if _, err := p.control.WriteString("\x03"); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	shown, code := p.end()
	if _, after, found := strings.Cut(shown, "^C"); !found || !strings.HasSuffix(after, "\r\n") || code != 130 {
		t.Errorf("exit code %d, want 130 and a line end after ^C: %q", code, shown)
	}
}

func TestTerminal_ShowsFailedCheckOnce(t *testing.T) {
	t.Parallel()
	shown, code := onTerminal(t, "publish", "--url", servedURL(t), "--count", "10", "--fail-if", "sent<5000").end()
	if strings.Count(shown, "FAILED") != 1 || !strings.Contains(shown, "1 of 1 checks of --fail-if failed") || code != 3 {
		t.Errorf("exit code %d, want 3 and the check once: %s", code, shown)
	}
}

func TestTerminal_EscapesTextOfEvents(t *testing.T) {
	t.Parallel()
	const hostile = "a\u009b2Jb\u202ec\u200bd\u2028e\u007ff"
	url := servedURL(t)
	event := `{"topic":"t","event_id":"1","timestamp":"2025-12-19","source":"` + strings.ReplaceAll(strings.ReplaceAll(hostile, "\u009b", ""), "\u007f", "") + `","payload":{"k":"` + hostile + `"}}`
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/publish", strings.NewReader(event))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Fatalf("publish: %s", response.Status)
	}
	for _, command := range []string{"export", "export --out -", "tail", "tail -o json", "tail -o template={{.Payload.k}}"} {
		shown, code := onTerminal(t, append(strings.Fields(command), "--url", url)...).end()
		if !strings.Contains(shown, `2Jb`) || code != 0 {
			t.Errorf("%s: exit code %d, %q", command, code, shown)
		}
		if at := strings.IndexFunc(shown, func(r rune) bool {
			return r != '\n' && r != '\r' && (unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp))
		}); at >= 0 {
			t.Errorf("%s: %q controls the terminal: %q", command, shown[at:min(at+4, len(shown))], shown)
		}
	}
	piped, err := exec.CommandContext(t.Context(), "eventagg", "export", "--url", url).Output()
	if err != nil || !bytes.Contains(piped, []byte(hostile)) {
		t.Errorf("a pipe gets other text: %q, %v", piped, err)
	}
}

// The reader takes all events and closes the pipe. No further event follows, so tail has
// nothing to write.
func TestTail_EndsWithItsReader(t *testing.T) {
	t.Parallel()
	url := servedURL(t)
	if out, err := exec.CommandContext(t.Context(), "eventagg", "publish", "--count", "3", "--dup-rate", "0", "--url", url).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	tail := exec.CommandContext(t.Context(), "eventagg", "tail", "-f", "--url", url)
	out, err := tail.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tail.Start(); err != nil {
		t.Fatal(err)
	}
	shown := 0
	for lines := bufio.NewReader(out); shown < 3; shown++ { // a later write would end tail anyway
		if _, err := lines.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	_ = tail.Wait() // never returns if tail waits for the next event
	if code := tail.ProcessState.ExitCode(); code != 128+13 {
		t.Errorf("tail ended with %d, want 141 as after SIGPIPE", code)
	}
}

func TestREADME_ShowsTheStartMessage(t *testing.T) {
	t.Parallel()
	shown := examples(readFile(t, "../README.md"), "eventagg serve")
	if len(shown) != 1 || shown[0].output == "" {
		t.Fatalf("the README has the examples %v", shown)
	}
	s := newStage(t, "")
	p := onTerminal(t, "serve", "--http-addr", s.addr)
	p.waitFor("then stops.")
	if err := p.program.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	output, code := p.end()
	want := strings.NewReplacer("eventagg dev", "eventagg …", "127.0.0.1:8000", s.addr).Replace(shown[0].output)
	if !like(strings.ReplaceAll(output, "\r", ""), want) || code != 0 || strings.Contains(output, "msg=listening") {
		t.Errorf("serve prints %q and ends with %d, the README shows %q", output, code, want)
	}
}
