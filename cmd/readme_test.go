package cmd_test

import (
	"context"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/chromedp/chromedp"

	"github.com/eventagg/eventagg/pkg/testdb"
)

// guideFolder has the guides, seen from this package.
const guideFolder = "../pkg/guide"

// readFile returns a file's text.
func readFile(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// documents returns the README and all guides by their paths.
func documents(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{"../README.md": readFile(t, "../README.md")}
	err := filepath.WalkDir(guideFolder, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(path) == ".md" {
			found[path] = readFile(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestREADME_IsShort keeps the README readable at one sitting and in a terminal.
func TestREADME_IsShort(t *testing.T) {
	t.Parallel()
	const maxLines, maxLength = 150, 110
	lines := strings.Split(strings.TrimSuffix(readFile(t, "../README.md"), "\n"), "\n")
	if len(lines) > maxLines {
		t.Errorf("the README has %d lines, at most %d are allowed", len(lines), maxLines)
	}
	for i, line := range lines {
		if length := utf8.RuneCountInString(line); length > maxLength {
			t.Errorf("README.md:%d has %d characters, at most %d are allowed", i+1, length, maxLength)
		}
	}
}

// example is a command in a document and the output that the document shows.
type example struct{ command, output string }

// examples returns the commands in a text's console blocks that begin with one
// of the words. Indented lines continue a command.
func examples(text string, words ...string) []example {
	var found []example
	for _, block := range regexp.MustCompile("(?s)```console\n(.*?)```").FindAllStringSubmatch(text, -1) {
		for _, part := range regexp.MustCompile(`(?m)^\$ `).Split(block[1], -1)[1:] {
			lines := strings.SplitAfter(part, "\n")
			n := 1
			for n < len(lines) && strings.HasPrefix(lines[n], "    ") {
				n++
			}
			e := example{strings.Join(lines[:n], ""), strings.Join(lines[n:], "")}
			for _, word := range words {
				if strings.HasPrefix(e.command, word+" ") || strings.TrimSpace(e.command) == word {
					found = append(found, e)
				}
			}
		}
	}
	return found
}

// TestDocuments_ExamplesWork runs the examples of the README and of each guide
// against a server of their own. They must exit with 0 and print what the document
// shows. "…" in the document stands for any text.
func TestDocuments_ExamplesWork(t *testing.T) {
	t.Parallel()
	total := 0
	for path, text := range documents(t) {
		found := examples(text, "curl", "eventagg publish", "eventagg stats", "eventagg tail", "eventagg export", "eventagg deadletter")
		total += len(found)
		if len(found) == 0 {
			continue
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			runExamples(t, text, found)
		})
	}
	if total < 25 {
		t.Errorf("the documents have only %d examples", total)
	}
}

// runExamples runs the examples of one document in order.
func runExamples(t *testing.T, text string, found []example) {
	t.Helper()
	const queueURL = "redis://localhost"
	s := newStage(t, "sqlite:"+t.TempDir()+"/events.db")
	replace := []string{"--duration 30s", "--duration 1s", "p99>50ms", "p99>1h"}
	if strings.Contains(text, "--broker-url "+queueURL) {
		queue := testdb.StartRedis(t, testdb.RedisOptions{Durable: true}).URL()
		s.serve("--broker-url", queue)
		replace = append(replace, queueURL, queue)
	} else {
		s.serve()
	}
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	replacer := strings.NewReplacer(append(replace, "localhost:8000", "127.0.0.1:"+port)...)
	dir := t.TempDir()
	line := `{"topic":"t","event_id":"1","timestamp":"2025-12-19","source":"s","payload":{}}` + "\n"
	if err := os.WriteFile(dir+"/events.ndjson", []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, e := range found {
		command := replacer.Replace(e.command)
		shell := exec.CommandContext(t.Context(), "bash", "-c", command)
		shell.Dir, shell.Env = dir, append(os.Environ(), "EVENTAGG_CLIENT_URL=http://"+s.addr)
		output, err := shell.Output()
		if err != nil {
			t.Errorf("%s: %v", command, err)
		}
		if e.output != "" && !like(string(output), e.output) {
			t.Errorf("%sprints %q, the document shows %q", command, output, e.output)
		}
	}
	s.end(syscall.SIGTERM)
}

// TestREADME_GoExampleWorks compiles and runs the README's Go program.
func TestREADME_GoExampleWorks(t *testing.T) {
	t.Parallel()
	s := newStage(t, "sqlite:"+t.TempDir()+"/events.db")
	s.serve()
	_, program, _ := strings.Cut(readFile(t, "../README.md"), "```go\n")
	program, _, found := strings.Cut(program, "```")
	if !found {
		t.Fatal("the README has no Go program")
	}
	file := t.TempDir() + "/main.go"
	if err := os.WriteFile(file, []byte(strings.ReplaceAll(program, "localhost:8000", s.addr)), 0o600); err != nil {
		t.Fatal(err)
	}
	output, err := exec.CommandContext(t.Context(), "go", "run", file).CombinedOutput()
	if want := "[stored] <nil>\n"; err != nil || string(output) != want {
		t.Errorf("prints %q, %v, want %q", output, err, want)
	}
}

// TestREADME_JavaScriptExampleWorks runs the README's JavaScript in a browser, in
// a page of the server, and publishes an event.
func TestREADME_JavaScriptExampleWorks(t *testing.T) {
	t.Parallel()
	browser := testdb.Chromium(t)
	s := newStage(t, "sqlite:"+t.TempDir()+"/events.db")
	s.serve()
	_, script, _ := strings.Cut(readFile(t, "../README.md"), "```js\n")
	script, _, found := strings.Cut(script, "```")
	if !found {
		t.Fatal("the README has no JavaScript")
	}
	ctx := newBrowser(t, browser)
	url := "http://" + s.addr
	err := chromedp.Do(ctx,
		chromedp.Navigate(url+"/healthz"),
		chromedp.Evaluate[chromedp.Void]("console.log = (event) => { document.title = event.event_id }"),
		chromedp.Evaluate[chromedp.Void](strings.ReplaceAll(script, "http://localhost:8000", url)),
		chromedp.Poll[chromedp.Void]("events.readyState === EventSource.OPEN"),
		chromedp.Evaluate[chromedp.Void](`void fetch('/publish', { method: 'POST', headers: { 'Content-Type': 'application/json' },
			body: '{"topic":"user_login","event_id":"from a browser","timestamp":"2025-12-19","source":"s","payload":{}}' })`),
		chromedp.Poll[chromedp.Void]("document.title === 'from a browser'"),
	)
	if err != nil {
		t.Error(err)
	}
}

// TestDocs_SearchFindsSections searches the guides in a browser.
func TestDocs_SearchFindsSections(t *testing.T) {
	t.Parallel()
	browser := testdb.Chromium(t)
	s := newStage(t, "sqlite:"+t.TempDir()+"/events.db")
	s.serve()
	const hit = "[...document.querySelectorAll('#found a')].find((link) => link.textContent === 'Queue: Exactly once')"
	ctx := newBrowser(t, browser)
	err := chromedp.Do(ctx, chromedp.Navigate("http://"+s.addr+"/docs/?q=lease+worker"), chromedp.Poll[chromedp.Void](hit))
	if err != nil {
		t.Fatal(err)
	}
	target, err := chromedp.Run(ctx, chromedp.Evaluate[string](hit+".href"))
	if want := "http://" + s.addr + "/docs/guides/queue#exactly-once"; err != nil || target != want {
		t.Errorf("the hit leads to %q, %v, want %q", target, err, want)
	}
}

// newBrowser starts a browser and returns its context, which ends after a minute.
func newBrowser(t *testing.T, program string, further ...chromedp.ExecAllocatorOption) context.Context {
	t.Helper()
	options := append(append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(program), chromedp.WSURLReadTimeout(time.Minute)), further...)
	allocator, closeAllocator := chromedp.NewExecAllocator(t.Context(), options...)
	t.Cleanup(closeAllocator)
	ctx, closeBrowser := chromedp.NewContext(allocator)
	t.Cleanup(closeBrowser)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// like compares a text with a pattern in which "…" stands for any text.
func like(text, pattern string) bool {
	pattern = regexp.QuoteMeta(strings.TrimSpace(pattern))
	return regexp.MustCompile("(?s)^" + strings.ReplaceAll(pattern, "…", ".*") + "$").MatchString(strings.TrimSpace(text))
}
