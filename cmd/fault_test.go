package cmd_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// These tests run a server and a publisher as separate processes and break something
// while they work. They always check the same: the publisher ends with exit code 0 and
// a proof, and the counters of the server are exact.

// The events of a faulty run.
const (
	faultCount   = 6_000
	faultUnique  = 4_200 // 30 % of the events are duplicates
	faultTimeout = 2 * time.Minute
)

// stage is the address of a server that runs as a process of its own.
type stage struct {
	t        *testing.T
	addr     string
	database string
	server   *exec.Cmd
	log      *bytes.Buffer
	drained  chan struct{} // closed when the server's output has ended
}

func newStage(t *testing.T, database string) *stage {
	t.Helper()
	s := &stage{t: t, addr: testdb.FreeAddress(t), database: database}
	t.Cleanup(func() {
		if s.server != nil {
			s.end(syscall.SIGKILL)
		}
		if t.Failed() && s.log != nil {
			t.Logf("the server wrote:\n%s", s.log)
		}
	})
	return s
}

// serve starts the server, with further arguments, and waits until it listens.
func (s *stage) serve(args ...string) {
	s.t.Helper()
	s.server = exec.Command("eventagg", append([]string{"serve", "--http-addr", s.addr, "--database-url", s.database}, args...)...)
	s.server.Dir = s.t.TempDir()
	stderr, err := s.server.StderrPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.server.Start(); err != nil {
		s.t.Fatal(err)
	}
	s.log, s.drained = new(bytes.Buffer), make(chan struct{})
	lines, listening := bufio.NewReader(stderr), false
	for !listening {
		line, err := lines.ReadString('\n')
		s.log.WriteString(line)
		if err != nil {
			_ = s.server.Wait()
			s.server = nil // nothing is left to end
			s.t.Fatalf("the server ended before it listened: %s", s.log)
		}
		listening = strings.Contains(line, "msg=listening")
	}
	go func(log *bytes.Buffer, drained chan struct{}) {
		defer close(drained)
		_, _ = io.Copy(log, lines)
	}(s.log, s.drained)
}

// end signals the server, waits for its end and returns the exit code, or -1 if the
// signal ended the process.
func (s *stage) end(signal syscall.Signal) int {
	s.t.Helper()
	server := s.server
	s.server = nil
	if err := server.Process.Signal(signal); err != nil {
		s.t.Fatal(err)
	}
	<-s.drained
	_ = server.Wait()
	return server.ProcessState.ExitCode()
}

// publishing is a running publisher.
type publishing struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	ended          chan struct{}
	lost           int64 // keys stored by requests whose response was lost
}

// publish starts a publisher with --verify.
func (s *stage) publish(args ...string) *publishing {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), faultTimeout)
	p := &publishing{ended: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, "eventagg", append([]string{
		"publish", "--url", "http://" + s.addr, "--verify", "-o", "json",
		"--count", fmt.Sprint(faultCount), "--dup-rate", "0.3", "--concurrency", "32",
	}, args...)...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	if err := p.cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		defer cancel()
		_ = p.cmd.Wait()
	}()
	s.t.Cleanup(func() {
		_ = p.cmd.Process.Kill()
		<-p.ended
	})
	return p
}

// verified waits for the end of the publisher and checks its proof.
func (p *publishing) verified(t *testing.T) (retried int64) {
	t.Helper()
	<-p.ended
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("publish exited with %d:\n%s%s", code, &p.stdout, &p.stderr)
	}
	var report struct {
		Retried int64 `json:"retried"`
		Failed  int64 `json:"failed"`
		Verify  struct {
			Holds bool  `json:"holds"`
			Keys  int64 `json:"keys"`
			Lost  int64 `json:"lost_responses"`
		} `json:"verify"`
	}
	if err := json.Unmarshal(p.stdout.Bytes(), &report); err != nil {
		t.Fatalf("publish printed no report: %v\n%s", err, &p.stdout)
	}
	if !report.Verify.Holds || report.Verify.Keys != faultUnique || report.Failed != 0 {
		t.Fatalf("publish proved %+v", report)
	}
	p.lost = report.Verify.Lost
	return report.Retried
}

// stats requests the counters; ok is false if the server is unavailable.
func (s *stage) stats() (stats api.Stats, ok bool) {
	response, err := http.Get("http://" + s.addr + api.PathStats)
	if err != nil {
		return stats, false
	}
	defer func() { _ = response.Body.Close() }()
	return stats, json.NewDecoder(response.Body).Decode(&stats) == nil && response.StatusCode == http.StatusOK
}

// until waits until a condition is true.
func (s *stage) until(what string, condition func() bool) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), faultTimeout)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			s.t.Fatalf("timed out before %s", what)
		}
	}
}

// received waits until the server has counted n events.
func (s *stage) received(n int64) {
	s.t.Helper()
	s.until(fmt.Sprintf("%d events are received", n), func() bool {
		stats, ok := s.stats()
		return ok && stats.Received >= n
	})
}

// exact compares the counters of the server with what was sent: each event stored
// once, each repeat a duplicate, and more duplicates only by retries.
func (s *stage) exact(retried int64) {
	s.t.Helper()
	stats, ok := s.stats()
	if !ok {
		s.t.Fatal("the server is unavailable")
	}
	if stats.Stored != faultUnique || stats.Received != stats.Stored+stats.Duplicates {
		s.t.Errorf("the server counts %+v", stats)
	}
	if again := stats.Received - faultCount; again < 0 || again > retried {
		s.t.Errorf("%d events are received of %d sent and %d retried", stats.Received, faultCount, retried)
	}
	client := http.Client{Timeout: time.Minute}
	rows := 0
	for next := "?limit=1000"; next != ""; {
		response, err := client.Get("http://" + s.addr + "/events" + next)
		if err != nil {
			s.t.Fatal(err)
		}
		var page []api.Event
		err = json.NewDecoder(response.Body).Decode(&page)
		_ = response.Body.Close()
		if err != nil {
			s.t.Fatal(err)
		}
		rows += len(page)
		link, _, _ := strings.Cut(response.Header.Get("Link"), ">")
		next = strings.TrimPrefix(link, "<")
	}
	if rows != faultUnique {
		s.t.Errorf("%d rows are stored, want %d", rows, faultUnique)
	}
}

func TestServe_LosesNothingIfKilled(t *testing.T) {
	t.Parallel()
	databases := map[string]func(t *testing.T) string{
		"SQLite":     func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "events.db") },
		"PostgreSQL": func(t *testing.T) string { return testdb.Postgres(t) },
	}
	for name, database := range databases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, database(t))
			s.serve()
			publisher := s.publish()
			for _, n := range []int64{faultCount / 5, faultCount / 2} {
				s.received(n)
				s.end(syscall.SIGKILL)
				s.serve()
			}
			retried := publisher.verified(t)
			if retried == 0 {
				t.Error("no retries: the server was not killed in the middle")
			}
			s.exact(retried)
		})
	}
}

func TestServe_FinishesRequestsAfterSIGTERM(t *testing.T) {
	t.Parallel()
	s := newStage(t, "sqlite:"+filepath.Join(t.TempDir(), "events.db"))
	s.serve()
	publisher := s.publish()
	s.received(faultCount / 4)
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("serve exited with %d after SIGTERM under load", code)
	}
	s.serve()
	s.exact(publisher.verified(t))
	if publisher.lost > 0 {
		t.Errorf("%d accepted events got no response", publisher.lost)
	}
}

func TestServe_LosesNothingIfPostgresStops(t *testing.T) {
	t.Parallel()
	postgres := testdb.StartPostgres(t, testdb.PostgresOptions{})
	s := newStage(t, postgres.URL())
	s.serve()
	publisher := s.publish()
	s.received(faultCount / 4)
	postgres.Stop(testdb.Immediate)

	var header http.Header
	s.until("the server responds with 503", func() bool {
		response, err := http.Post("http://"+s.addr+api.PathPublish, api.TypeJSON, strings.NewReader(
			`{"topic":"t","event_id":"x","timestamp":"2025-12-19","source":"s","payload":{}}`))
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		header = response.Header
		return response.StatusCode == http.StatusServiceUnavailable
	})
	if header.Get("Retry-After") == "" || header.Get("Content-Type") != api.TypeProblem {
		t.Errorf("503 has the headers %v", header)
	}
	postgres.Start()
	retried := publisher.verified(t)
	if retried == 0 {
		t.Error("no retries: PostgreSQL was not stopped in the middle")
	}
	s.exact(retried)
	if code := s.end(syscall.SIGTERM); code != 0 {
		t.Errorf("serve exited with %d", code)
	}
}
