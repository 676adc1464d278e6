package testdb

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// Folder returns an empty folder of the user that servers run as, and removes it when
// the test ends. A server can archive its log there.
func Folder(t testing.TB) string {
	t.Helper()
	dir, err := newFolder("files")
	if err != nil {
		t.Fatalf("testdb: make a folder: %v", err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Errorf("testdb: %v", err)
		}
	})
	return dir
}

// PostgresBin returns the folder of PostgreSQL's programs, such as pg_dump.
func PostgresBin(t testing.TB) string {
	t.Helper()
	bin, err := findPostgres()
	if err != nil {
		skipOrFail(t, "PostgreSQL", err)
	}
	return bin
}

// StartRestored starts a server on a copy of a folder that pg_basebackup has made of
// source, which may be stopped by now, and removes the copy when the test ends. With
// recovery, which are settings such as recovery_target_time, it recovers from an archive
// first. It returns when the server accepts writes.
func StartRestored(t testing.TB, source *Server, backup string, recovery map[string]string) *Server {
	t.Helper()
	from, ok := source.backend.(*postgres)
	if !ok {
		t.Fatalf("testdb: %T has no base backup", source.backend)
	}
	s := &postgres{bin: from.bin, password: from.password, environment: from.environment}
	s.settings = append(slices.Clone(from.settings), PostgresOptions{Settings: recovery}.settings()...)
	s.settings = append(s.settings, "archive_mode=off") // two servers must not write to one archive
	if err := s.restore(backup, len(recovery) > 0); err != nil {
		t.Fatalf("testdb: restore a base backup: %v", err)
	}
	return register(t, s)
}

// restore copies the folder and starts a server on the copy.
func (s *postgres) restore(backup string, recovers bool) (err error) {
	if s.dir, err = newFolder("restored"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.remove())
		}
	}()
	if s.port, err = freePort(); err != nil {
		return err
	}
	if err := os.CopyFS(s.data(), os.DirFS(backup)); err != nil {
		return err
	}
	if recovers {
		if err := os.WriteFile(filepath.Join(s.data(), "recovery.signal"), nil, 0o600); err != nil {
			return err
		}
	}
	err = filepath.WalkDir(s.data(), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.IsDir() {
			err = os.Chmod(path, 0o700) // as the server demands
		}
		return errors.Join(err, chownToServerUser(path))
	})
	if err != nil {
		return err
	}
	if err := s.start(); err != nil || !recovers {
		return err
	}
	// It is ready for readers before it has recovered.
	if err := s.process.waitUntil(func() bool { return s.exec("SELECT 1 / (NOT pg_is_in_recovery())::int") == nil }); err != nil {
		return errors.Join(err, s.stop(Immediate))
	}
	return nil
}
