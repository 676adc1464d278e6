package testdb

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Postgres returns the URL of an empty database on the shared server. The
// database is dropped with its connections when the test ends. If the test
// fails, the database is kept and the log says how to open it.
func Postgres(t testing.TB) string {
	t.Helper()
	return createDatabase(t, "template1")
}

// MigratedPostgres is like [Postgres], but the database is a copy of one that
// migrate has prepared. migrate runs once in a test binary and must be the same
// in all calls. It must close its connections.
func MigratedPostgres(t testing.TB, migrate func(ctx context.Context, url string) error) string {
	t.Helper()
	server, err := sharedPostgres.get()
	if err != nil {
		skipOrFail(t, "PostgreSQL", err)
	}
	migrated.once.Do(func() { migrated.err = newTemplate(server, migrate) })
	if migrated.err != nil {
		t.Fatalf("testdb: prepare the migrated database: %v", migrated.err)
	}
	return createDatabase(t, templateName)
}

// migrated prepares the template of [MigratedPostgres] once in a test binary.
var migrated struct {
	once sync.Once
	err  error
}

const templateName = "migrated"

// newTemplate creates a database and migrates it. It allows no connections after
// that, because a database can't be copied while a session uses it.
func newTemplate(server *postgres, migrate func(ctx context.Context, url string) error) error {
	if err := server.exec("CREATE DATABASE " + templateName); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	if err := migrate(ctx, server.url(templateName)); err != nil {
		return err
	}
	return server.exec("ALTER DATABASE " + templateName + " ALLOW_CONNECTIONS false")
}

func createDatabase(t testing.TB, template string) string {
	t.Helper()
	server, err := sharedPostgres.get()
	if err != nil {
		skipOrFail(t, "PostgreSQL", err)
	}
	name := uniqueName(t.Name())
	if err := server.exec(fmt.Sprintf("CREATE DATABASE %q TEMPLATE %q", name, template)); err != nil {
		t.Fatalf("testdb: %v", err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			sharedPostgres.keep()
			t.Logf("database kept: %s\nserve it again with: %s", server.url(name), server.restartHint())
			return
		}
		if err := server.exec(fmt.Sprintf("DROP DATABASE %q WITH (FORCE)", name)); err != nil {
			t.Errorf("testdb: %v", err)
		}
	})
	return server.url(name)
}

// names numbers databases and key prefixes, so that two tests of one name get
// different ones.
var names atomic.Int64

// uniqueName makes a unique name for a database or a key prefix from a test's
// name, within the 63 bytes that PostgreSQL allows.
func uniqueName(test string) string {
	plain := strings.Map(func(r rune) rune {
		if ('a' <= r && r <= 'z') || ('0' <= r && r <= '9') {
			return r
		}
		return '_'
	}, strings.ToLower(test))
	return fmt.Sprintf("%.50s_%d", plain, names.Add(1))
}
