package testdb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// StartStandby starts a standby that streams from a server of [StartPostgres], and
// removes it when the test ends. [Server.Promote] makes it a primary.
func StartStandby(t testing.TB, primary *Server) *Server {
	t.Helper()
	source, ok := primary.backend.(*postgres)
	if !ok {
		t.Fatalf("testdb: %T has no standby", primary.backend)
	}
	standby, err := newStandby(source)
	if err != nil {
		t.Fatalf("testdb: start a standby: %v", err)
	}
	return register(t, standby)
}

// newStandby copies a running server and starts the copy.
func newStandby(source *postgres) (*postgres, error) {
	s := &postgres{bin: source.bin, password: source.password, settings: source.settings, environment: source.environment}
	var err error
	if s.dir, err = newFolder("standby"); err != nil {
		return nil, err
	}
	if s.port, err = freePort(); err == nil {
		err = s.copyFrom(source)
	}
	if err == nil {
		err = s.start()
	}
	if err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

func (s *postgres) copyFrom(source *postgres) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "pg_basebackup"), "--pgdata", s.data(), "--dbname", source.url("postgres"),
		"--write-recovery-conf", "--wal-method", "stream", "--checkpoint", "fast", "--no-sync")
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = processAttributes(0)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	return nil
}

// Promote makes a standby a primary, and returns when it accepts writes.
func (s *Server) Promote() {
	s.t.Helper()
	standby, ok := s.backend.(*postgres)
	if !ok {
		s.t.Fatalf("testdb: %T is no standby", s.backend)
	}
	s.check("promote", standby.exec("SELECT pg_promote()"))
}

// Rejoin makes a stopped primary a standby of the one that took over: pg_rewind undoes
// what only the old primary has.
func (s *Server) Rejoin(primary *Server) {
	s.t.Helper()
	old, ok := s.backend.(*postgres)
	source, alsoOK := primary.backend.(*postgres)
	if !ok || !alsoOK {
		s.t.Fatalf("testdb: %T can't follow %T", s.backend, primary.backend)
	}
	// Before PostgreSQL 16 pg_rewind looks for the new timeline in the last checkpoint.
	s.check("rejoin", source.exec("CHECKPOINT"))
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(old.bin, "pg_rewind"), "--target-pgdata", old.data(), "--source-server", source.url("postgres"),
		"--write-recovery-conf", "--no-sync")
	cmd.Dir, cmd.Env = old.dir, append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = processAttributes(0)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("testdb: pg_rewind: %v: %s", err, out)
	}
	s.check("start", old.start())
}
