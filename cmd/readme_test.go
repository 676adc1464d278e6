package cmd_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/config"
)

// readme is the README's text.
func readme(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// TestReadmeListsEverySetting holds the README's table to the settings there are.
func TestReadmeListsEverySetting(t *testing.T) {
	t.Parallel()
	var want strings.Builder
	for _, s := range config.Settings() {
		value := "empty"
		if s.Default != "" {
			value = "`" + s.Default + "`"
		}
		fmt.Fprintf(&want, "| `%s` | %s | %s |\n", s.Key, value, s.Help)
	}
	if !strings.Contains(readme(t), want.String()) {
		t.Errorf("the README's table of settings should be:\n%s", &want)
	}
}

// example is a command of the README and what it prints there.
type example struct{ command, output string }

// examples are the commands in the README's console blocks that begin with one
// of the words. A command goes on in lines that are indented.
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
				if strings.HasPrefix(e.command, word+" ") {
					found = append(found, e)
				}
			}
		}
	}
	return found
}

// TestReadmeExamples types the README's curl lines, and compares the answers,
// where "…" stands for anything; and its client commands, which must exit with 0.
func TestReadmeExamples(t *testing.T) {
	t.Parallel()
	s := newStage(t, "sqlite:"+t.TempDir()+"/events.db")
	s.serve()
	_, port, err := net.SplitHostPort(s.addr)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	line := `{"topic":"t","event_id":"1","timestamp":"2025-12-19","source":"s","payload":{}}` + "\n"
	if err := os.WriteFile(dir+"/events.ndjson", []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	found := examples(readme(t), "curl", "eventagg publish", "eventagg stats", "eventagg tail", "eventagg export")
	if len(found) < 7 {
		t.Fatalf("the README has only %d examples", len(found))
	}
	for _, e := range found {
		if strings.HasPrefix(e.command, "curl localhost:8000/stats") { // after docker compose; the numbers are the publisher's
			continue
		}
		command := strings.NewReplacer("localhost:8000", "127.0.0.1:"+port, "--duration 30s", "--duration 1s", "p99>50ms", "p99>1h").Replace(e.command)
		shell := exec.CommandContext(t.Context(), "bash", "-c", command)
		shell.Dir, shell.Env = dir, append(os.Environ(), "EVENTAGG_CLIENT_URL=http://"+s.addr)
		output, err := shell.Output()
		if err != nil {
			t.Errorf("%s: %v", command, err)
		}
		if strings.HasPrefix(command, "curl") && !like(string(output), e.output) {
			t.Errorf("%sprints %q, and in the README %q", command, output, e.output)
		}
	}
}

// like compares a text with a pattern in which "…" stands for anything.
func like(text, pattern string) bool {
	pattern = regexp.QuoteMeta(strings.TrimSpace(pattern))
	return regexp.MustCompile("^" + strings.ReplaceAll(pattern, "…", ".*") + "$").MatchString(strings.TrimSpace(text))
}
