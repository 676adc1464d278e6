package testdb

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// environment variables that steer the package.
const (
	envServers = "EVENTAGG_TEST_SERVERS" // "required": a missing server fails the test
	envDir     = "EVENTAGG_TEST_DIR"     // where the servers' data goes
)

// errMissing says that a server's program is not on this machine.
var errMissing = errors.New("not installed")

// binary is what the tests of one test binary share. It is a
// variable of the package, since testing gives tests no other way to share.
var binary shared

// shared is the PostgreSQL server that [Postgres] takes its databases from,
// started by the first test that asks.
type shared struct {
	mu       sync.Mutex
	running  bool // within Main
	started  bool
	postgres *postgres
	err      error // why postgres is nil
	kept     bool  // a failed test wants its database kept
}

// Main runs the tests of a binary, stops what they started, and then fails if a
// goroutine is left. It returns the exit code for os.Exit. The options are for
// goroutines that are meant to stay.
func Main(m *testing.M, options ...goleak.Option) int {
	binary.begin()
	code := m.Run()
	if err := binary.end(); err != nil {
		fmt.Fprintln(os.Stderr, "testdb:", err)
		code = max(code, 1)
	}
	if code != 0 {
		return code
	}
	if err := goleak.Find(options...); err != nil {
		fmt.Fprintln(os.Stderr, "testdb: goroutines are left:", err)
		return 1
	}
	return 0
}

func (s *shared) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = true
}

// server returns the shared server and starts it when it is the first to ask.
func (s *shared) server() (*postgres, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return nil, errors.New("the package's TestMain does not call testdb.Main")
	}
	if !s.started {
		s.started = true
		s.postgres, s.err = newPostgres(PostgresOptions{NoSync: true})
	}
	return s.postgres, s.err
}

// keep makes the data outlive the test binary.
func (s *shared) keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = true
}

func (s *shared) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	if s.postgres == nil {
		return nil
	}
	err := s.postgres.stop(Fast)
	if !s.kept {
		err = errors.Join(err, s.postgres.remove())
	}
	return err
}

// Announce makes up for go test showing nothing of a package that passes: where
// a program is missing it writes one line to the standard error of the
// go command that runs the test binary, saying what is left out and how to run it.
// It does nothing where that is not possible, which is anywhere but on Linux and
// when that is redirected to a file. One package calls it, in TestMain, so that
// the line is there once.
func Announce() {
	_, postgres := findPostgres()
	_, pgBouncer := findPgBouncer()
	_, redis := findRedis()
	_, promtool := findPromtool()
	_, chromium := findChromium()
	looked := []lookedFor{{"PostgreSQL", postgres}, {"PgBouncer", pgBouncer}, {"Redis", redis}, {"promtool", promtool}, {"Chromium", chromium}}
	if line := announcement(looked); line != "" && os.Getenv(envServers) != "required" {
		tellParent(line)
	}
}

// lookedFor is a program that was looked for, with this error.
type lookedFor struct {
	name string
	err  error
}

// announcement says what is left out; nothing where no program is missing.
func announcement(looked []lookedFor) string {
	var missing []string
	for _, program := range looked {
		if errors.Is(program.err, errMissing) {
			missing = append(missing, program.name)
		}
	}
	if len(missing) == 0 {
		return ""
	}
	return "eventagg: tests that need " + strings.Join(missing, " or ") + " are left out; scripts/test runs everything\n"
}

// unavailable ends a test that asked for a server that there is none of.
func unavailable(t testing.TB, what string, err error) {
	t.Helper()
	if errors.Is(err, errMissing) && os.Getenv(envServers) != "required" {
		t.Skipf("left out, since %s is not installed (%v); run scripts/test, which installs it", what, err)
	}
	t.Fatalf("testdb: start %s: %v", what, err)
}
