package cmd_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/testdb"
)

// recipe returns the code block of the guide "integrations" with that info string.
func recipe(t *testing.T, info string) string {
	t.Helper()
	block := regexp.MustCompile("(?s)```" + regexp.QuoteMeta(info) + "\n(.*?)```").FindStringSubmatch(readFile(t, guideFolder+"/integrations.md"))
	if block == nil {
		t.Fatalf("the guide has no block %q", info)
	}
	return block[1]
}

// at replaces the addresses and the program of a recipe by those of the test.
func (s *stage) at(text string) string {
	s.t.Helper()
	program, err := exec.LookPath("eventagg")
	if err != nil {
		s.t.Fatal(err)
	}
	return strings.NewReplacer("127.0.0.1:8000", s.addr, "localhost:8000", s.addr, "/usr/bin/eventagg", program).Replace(text)
}

// tail returns the events of a topic, as soon as there are n.
func (s *stage) tail(topic string, n int) string {
	s.t.Helper()
	var output []byte
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var err error
		if output, err = exec.Command("eventagg", "tail", "--url", "http://"+s.addr, "--topic", topic, "-o", "json").Output(); err != nil {
			s.t.Fatal(err)
		}
		if strings.Count(string(output), "\n") == n {
			return string(output)
		}
	}
	s.t.Fatalf("%d events were expected, there are\n%s", n, output)
	return ""
}

// logger starts a program with a configuration that reads a socket, and sends messages.
func (s *stage) logger(program, configuration, socket string, args ...string) {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "logger.conf")
	if err := os.WriteFile(path, []byte(configuration), 0o600); err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, append(args, "-f", path)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	output := new(strings.Builder)
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		cancel()
		_ = cmd.Wait()
		if s.t.Failed() {
			s.t.Logf("%s wrote: %s", program, output)
		}
	})
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		conn, err := net.Dial("unixgram", socket)
		if err == nil {
			for i := range 3 {
				_, err = fmt.Fprintf(conn, "<13>Nov 28 00:00:00 demo: a \"quoted\" message %d\n", i)
			}
			_ = conn.Close()
		}
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			s.t.Fatal(err)
		}
	}
}

const wantMessage = `"severity":"notice"`

func TestIntegrations_Loggers(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(t *testing.T, s *stage, folder string){
		"rsyslogd": func(t *testing.T, s *stage, folder string) {
			t.Helper()
			program := testdb.Program(t, "rsyslogd")
			input := "module(load=\"imuxsock\" SysSock.Use=\"off\")\ninput(type=\"imuxsock\" Socket=\"" + folder + "/socket\")\n"
			s.logger(program, "global(workDirectory=\""+folder+"\")\n"+input+s.at(recipe(t, "rsyslog")), folder+"/socket", "-n", "-i", folder+"/pid")
		},
		"syslog-ng": func(t *testing.T, s *stage, folder string) {
			t.Helper()
			program, err := exec.LookPath("syslog-ng")
			if err != nil {
				t.Skip("syslog-ng is not installed, and Debian can't have it beside rsyslog")
			}
			configuration := "@version: 3.38\n" + s.at(recipe(t, "syslog-ng")) +
				"source s_local { unix-dgram(\"" + folder + "/socket\"); };\nlog { source(s_local); destination(d_eventagg); };\n"
			s.logger(program, configuration, folder+"/socket", "-F", "--no-caps", "-R", folder+"/persist", "-p", folder+"/pid", "-c", folder+"/control")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "sqlite:"+t.TempDir()+"/events.db")
			s.serve()
			folder, err := os.MkdirTemp("", "logger") //nolint:usetesting // the path of a socket must be short
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.RemoveAll(folder) })
			start(t, s, folder)
			events := s.tail("syslog", 3)
			for i := range 3 {
				if want := fmt.Sprintf(`a \"quoted\" message %d"`, i); !strings.Contains(events, want) || !strings.Contains(events, wantMessage) {
					t.Errorf("%s is not in %s", want, events)
				}
			}
		})
	}
}

func TestIntegrations_Programs(t *testing.T) {
	t.Parallel()
	s := newStage(t, "sqlite:"+t.TempDir()+"/events.db")
	s.serve()
	folder := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		path := filepath.Join(folder, name)
		if err := os.WriteFile(path, []byte(s.at(text)), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	if output, err := exec.CommandContext(t.Context(), "go", "run", write("main.go", recipe(t, "go"))).CombinedOutput(); err != nil || string(output) != "true\n" {
		t.Errorf("the program with the CloudEvents SDK for Go prints %s, %v", output, err)
	}
	events := 1
	// The packages of npm are not on every machine.
	if modules := os.Getenv("EVENTAGG_TEST_NODE_MODULES"); modules != "" {
		if err := os.Symlink(modules, folder+"/node_modules"); err != nil {
			t.Fatal(err)
		}
		output, err := exec.CommandContext(t.Context(), "node", write("cloudevents.mjs", recipe(t, "js cloudevents"))).CombinedOutput()
		if err != nil || !strings.Contains(string(output), `"status":"success"`) {
			t.Errorf("the program with the CloudEvents SDK for JavaScript prints %s, %v", output, err)
		}
		events++
	}
	if got := s.tail("order.placed", events); !strings.Contains(got, `"event_id":"//shop.example/orders 7"`) {
		t.Errorf("stored: %s", got)
	}
	one, err := http.Get("http://" + s.addr + "/events?event_id=//shop.example/orders%207")
	if err != nil || one.StatusCode != http.StatusOK {
		t.Fatalf("read by identity: %v %v", one, err)
	}
	_ = one.Body.Close()
	checkQueries(t, s)
}

// checkQueries runs the queries of the guide on both databases.
func checkQueries(t *testing.T, sqlite *stage) {
	t.Helper()
	postgres := newStage(t, testdb.Postgres(t))
	postgres.serve()
	line := `{"topic":"order.placed","event_id":"1","timestamp":"2025-12-19","source":"s","payload":{}}`
	response, err := http.Post("http://"+postgres.addr+"/publish", "application/json", strings.NewReader(line))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	places := strings.NewReplacer("eventagg.db", strings.TrimPrefix(sqlite.database, "sqlite:"), "postgres://localhost/eventagg", "'"+postgres.database+"'")
	found := examples(readFile(t, guideFolder+"/integrations.md"), "sqlite3", "psql")
	if len(found) != 2 {
		t.Fatalf("the guide has %d queries", len(found))
	}
	for _, e := range found {
		output, err := exec.CommandContext(t.Context(), "bash", "-c", places.Replace(e.command)).CombinedOutput()
		if err != nil || !like(string(output), e.output) {
			t.Errorf("%s prints %q, %v; the guide shows %q", e.command, output, err, e.output)
		}
	}
}
