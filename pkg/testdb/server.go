package testdb

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// Mode is how a server is stopped.
type Mode int

const (
	// Fast ends the connections and writes everything back.
	Fast Mode = iota
	// Immediate ends as a crash does: the next start recovers from the log.
	Immediate
)

// PostgresOptions are the options of a PostgreSQL server; the zero value is a
// server as it would be installed.
type PostgresOptions struct {
	// NoSync turns off everything that makes data survive a crash of the
	// machine. It is much faster on a slow disk; leave it off in crash tests.
	NoSync bool
	// Clock lets SetClock make the server's clock wrong. It needs a C compiler.
	Clock bool
	// Settings are put on top, as in postgresql.conf.
	Settings map[string]string
}

func (o PostgresOptions) settings() []string {
	settings := []string{"max_connections=200", "shared_buffers=64MB"}
	if o.NoSync {
		settings = append(settings, "fsync=off", "full_page_writes=off")
	}
	for _, name := range slices.Sorted(maps.Keys(o.Settings)) {
		settings = append(settings, name+"="+o.Settings[name])
	}
	return settings
}

// Postgres returns the URL of an empty database of the test's own, on the server
// that all tests of the binary share. It is dropped when the test ends, with
// its connections; when the test has failed it is kept, and the log says how to
// look at it.
func Postgres(t testing.TB) string {
	t.Helper()
	server, err := binary.server()
	if err != nil {
		unavailable(t, "PostgreSQL", err)
	}
	name := databaseName(t.Name())
	if err := server.exec(fmt.Sprintf("CREATE DATABASE %q", name)); err != nil {
		t.Fatalf("testdb: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			binary.keep()
			t.Logf("database kept: %s\nserve it again with: %s", server.url(name), server.restartHint())
			return
		}
		if err := server.exec(fmt.Sprintf("DROP DATABASE %q WITH (FORCE)", name)); err != nil {
			t.Errorf("testdb: %v", err)
		}
	})
	return server.url(name)
}

// databases numbers the databases, so that tests of one name don't meet; like
// binary, it is what the tests of one binary share.
var databases atomic.Int64

// databaseName turns a test's name into one for its database, within the 63
// bytes that PostgreSQL allows.
func databaseName(test string) string {
	plain := strings.Map(func(r rune) rune {
		if ('a' <= r && r <= 'z') || ('0' <= r && r <= '9') {
			return r
		}
		return '_'
	}, strings.ToLower(test))
	return fmt.Sprintf("%.50s_%d", plain, databases.Add(1))
}

// StartPostgres starts a PostgreSQL server for one test, with an empty database,
// and removes both when the test ends. It is for tests that stop or freeze it;
// it takes a second or two, so the others use [Postgres].
func StartPostgres(t testing.TB, options PostgresOptions) *Server {
	t.Helper()
	server, err := newPostgres(options)
	if err != nil {
		unavailable(t, "PostgreSQL", err)
	}
	s := register(t, server)
	s.clock = server.clock
	if err := server.exec(fmt.Sprintf("CREATE DATABASE %q", superuser)); err != nil {
		t.Fatalf("testdb: %v", err)
	}
	return s
}

// backend is what a [Server] needs of a kind of server.
type backend interface {
	start() error
	stop(mode Mode) error
	pid() (int, bool)
	address() string
	remove() error
	restartHint() string
}

// Server is a server that belongs to one test. Its methods fail the test when
// something goes wrong; call them from the test's goroutine.
type Server struct {
	t       testing.TB
	backend backend
	clock   *clock       // nil for the machine's
	thaw    func() error // nil unless frozen
}

func register(t testing.TB, b backend) *Server {
	t.Helper()
	s := &Server{t: t, backend: b}
	t.Cleanup(func() {
		s.Stop(Immediate)
		if t.Failed() {
			t.Logf("data kept: %s\nserve it again with: %s", b.address(), b.restartHint())
			return
		}
		if err := b.remove(); err != nil {
			t.Errorf("testdb: %v", err)
		}
	})
	return s
}

// URL is the server's address, user and password included. It stays the same
// when the server is started again.
func (s *Server) URL() string { return s.backend.address() }

// Stop stops the server; one that is stopped stays so.
func (s *Server) Stop(mode Mode) {
	s.t.Helper()
	s.Resume()
	s.check("stop", s.backend.stop(mode))
}

// Start starts a server that was stopped, on the same data, and waits until it
// can be used.
func (s *Server) Start() {
	s.t.Helper()
	s.check("start", s.backend.start())
}

// Pause freezes all processes of the server: connections stay open, and nothing
// is answered until Resume.
func (s *Server) Pause() {
	s.t.Helper()
	pid, running := s.backend.pid()
	if !running || s.thaw != nil {
		return
	}
	thaw, err := freeze(pid)
	s.check("pause", err)
	s.thaw = thaw
}

// Resume lets a frozen server go on.
func (s *Server) Resume() {
	s.t.Helper()
	if s.thaw != nil {
		s.check("resume", s.thaw())
		s.thaw = nil
	}
}

// SetClock makes the clock of a server that was started with Clock wrong by so
// many seconds, 0 for right; time passes as ever. It lasts over a restart.
func (s *Server) SetClock(wrong time.Duration) {
	s.t.Helper()
	s.check("set the clock of", s.clock.set(wrong))
}

func (s *Server) check(what string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("testdb: %s the server: %v", what, err)
	}
}
