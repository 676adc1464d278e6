package testdb

import "testing"

// Mode is how a server is stopped.
type Mode int

const (
	// Fast ends the connections and writes everything back.
	Fast Mode = iota
	// Immediate ends the server as a crash does: the next start recovers from
	// the log.
	Immediate
)

// backend is one kind of server, as [Server] uses it.
type backend interface {
	start() error
	stop(mode Mode) error
	pid() (int, bool)
	address() string
	remove() error
	restartHint() string
}

// Server is a server that belongs to one test. Its methods fail the test if
// something goes wrong. Call them from the test's goroutine.
type Server struct {
	t       testing.TB
	backend backend
	resume  func() error // nil unless paused
}

// register stops the server and removes its data when the test ends.
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

// URL is the server's address with user and password. It stays the same after a
// restart.
func (s *Server) URL() string { return s.backend.address() }

// Stop stops the server. It does nothing if the server is stopped already.
func (s *Server) Stop(mode Mode) {
	s.t.Helper()
	s.Resume()
	s.check("stop", s.backend.stop(mode))
}

// Start starts a stopped server again, with the same data, and waits until it
// accepts connections.
func (s *Server) Start() {
	s.t.Helper()
	s.check("start", s.backend.start())
}

// TryStart is like Start for data that may be damaged: it returns the error.
func (s *Server) TryStart() error { return s.backend.start() }

// DataFolder is the folder of the data of a PostgreSQL or Redis server. A test can mount
// another file system there while the server is stopped.
func (s *Server) DataFolder() string {
	s.t.Helper()
	switch server := s.backend.(type) {
	case *postgres:
		return server.data()
	case *redis:
		return server.dir
	}
	s.t.Fatalf("testdb: %T has no data folder", s.backend)
	return ""
}

// Pause freezes all processes of the server: connections stay open, and there
// are no responses until Resume.
func (s *Server) Pause() {
	s.t.Helper()
	pid, running := s.backend.pid()
	if !running || s.resume != nil {
		return
	}
	resume, err := freeze(pid)
	s.check("pause", err)
	s.resume = resume
}

// Resume continues a paused server.
func (s *Server) Resume() {
	s.t.Helper()
	if s.resume != nil {
		s.check("resume", s.resume())
		s.resume = nil
	}
}

func (s *Server) check(action string, err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatalf("testdb: %s the server: %v", action, err)
	}
}
