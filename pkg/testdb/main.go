package testdb

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// Environment variables that configure the package.
const (
	envServers     = "EVENTAGG_TEST_SERVERS"      // "required": a missing program fails the test
	envDir         = "EVENTAGG_TEST_DIR"          // folder of the servers' data
	envPostgresBin = "EVENTAGG_TEST_POSTGRES_BIN" // folder of initdb and postgres
)

// errMissing means that a program is not installed on this machine.
var errMissing = errors.New("not installed")

// sharedPostgres and sharedRedis are the servers that the tests of one binary
// share. They are package variables because testing has no other way to share.
var (
	sharedPostgres = shared[*postgres]{launch: func() (*postgres, error) { return newPostgres(PostgresOptions{NoSync: true}) }}
	sharedRedis    = shared[*redis]{launch: func() (*redis, error) { return newRedis(RedisOptions{Durable: true}) }}
)

// shared is a server that the first test which needs it starts, and that [Main]
// stops.
type shared[S backend] struct {
	launch func() (S, error)

	mu      sync.Mutex
	running bool // between the start and the end of Main
	started bool
	server  S
	err     error // why there is no server
	kept    bool  // a test failed, so its data must stay
}

// parallelTests is the number of tests that run at once. Tests with servers mostly wait,
// so one for each core, the default, is too few: on two cores the tests of
// pkg/queue/redis took 34 s, and 14 s with this number.
const parallelTests = 8

// runInParallel sets the number of tests that run at once, unless -parallel does.
func runInParallel() {
	flag.Parse()
	chosen := false
	flag.Visit(func(f *flag.Flag) { chosen = chosen || f.Name == "test.parallel" })
	if !chosen {
		_ = flag.Set("test.parallel", strconv.Itoa(max(parallelTests, runtime.GOMAXPROCS(0)))) // the flag exists in every test binary
	}
}

// Main runs the tests of a binary, stops the shared servers, and then fails if a
// goroutine is left. It returns the exit code for os.Exit. The options exclude
// goroutines that are meant to stay.
func Main(m *testing.M, options ...goleak.Option) int {
	runInParallel()
	sharedPostgres.begin()
	sharedRedis.begin()
	code := m.Run()
	if err := errors.Join(sharedPostgres.end(), sharedRedis.end()); err != nil {
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

func (s *shared[S]) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = true
}

// get returns the shared server. The first call starts it.
func (s *shared[S]) get() (S, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running {
		return s.server, errors.New("the package's TestMain does not call testdb.Main")
	}
	if !s.started {
		s.started = true
		s.server, s.err = s.launch()
	}
	return s.server, s.err
}

// keep leaves the data on disk when the test binary ends.
func (s *shared[S]) keep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kept = true
}

func (s *shared[S]) end() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = false
	if !s.started || s.err != nil {
		return nil
	}
	err := s.server.stop(Fast)
	if !s.kept {
		err = errors.Join(err, s.server.remove())
	}
	return err
}

// skipOrFail ends a test whose server can't be started.
func skipOrFail(t testing.TB, what string, err error) {
	t.Helper()
	if errors.Is(err, errMissing) && os.Getenv(envServers) != "required" {
		t.Skipf("skipped because %s is not installed (%v); scripts/test installs it and runs everything", what, err)
	}
	t.Fatalf("testdb: start %s: %v", what, err)
}
