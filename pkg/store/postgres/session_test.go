package postgres

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// TestSession_WrongOneIsReplaced makes a session wrong while the database is right, as
// an address that led to a standby for a moment does. Only the first call fails.
func TestSession_WrongOneIsReplaced(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]string{
		"it is read-only":                  "SET default_transaction_read_only = on",
		"it has a role without rights":     "SET ROLE pg_monitor",
		"it has a session user of another": "SET SESSION AUTHORIZATION pg_monitor",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, Options{Writers: 1, MaxConns: 1})
			if _, err := s.writers.Exec(t.Context(), wrong); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Append(t.Context(), someEvents("a", 2)); !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("the first append: %v", err)
			}
			if _, err := s.Append(t.Context(), someEvents("a", 2)); err != nil {
				t.Errorf("the second append: %v", err)
			}
			suitetest.Eventually(t, "the store is ready", func() bool { return s.Ping(t.Context()) == nil })
		})
	}
}

// TestPing_ReportsWhatAnAppendNeeds takes away one thing that an append needs. Neither
// Open nor Ping may say that all is well, and the store recovers when it is back.
func TestPing_ReportsWhatAnAppendNeeds(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ take, give, want string }{
		"the right to insert": {"REVOKE INSERT ON events FROM %s", "GRANT INSERT ON events TO %s", "lacks rights: INSERT on events"},
		"the right to lock":   {"REVOKE UPDATE ON locks FROM %s", "GRANT UPDATE ON locks TO %s", "UPDATE on locks"},
		"the right to use the schema": {
			"REVOKE USAGE ON SCHEMA public FROM PUBLIC, %s", "GRANT USAGE ON SCHEMA public TO %s", "public",
		},
		"a table": {"ALTER TABLE commits RENAME TO other -- %s", "ALTER TABLE other RENAME TO commits -- %s", "commits"},
		"the key": {"ALTER TABLE identities DROP CONSTRAINT identities_pkey -- %s", "ALTER TABLE identities ADD PRIMARY KEY (topic_no, id) -- %s", "primary key"},
		"the owner's rights for a trigger": {
			"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'refused' USING ERRCODE = '42501'; END $$; " +
				"CREATE TRIGGER refuse BEFORE INSERT ON events EXECUTE FUNCTION refuse() -- %s",
			"DROP TRIGGER refuse ON events -- %s", "refused",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, owner, role := asRole(t)
			s := open(t, Options{URL: address})
			execAt(t, owner, fmt.Sprintf(row.take, role))
			if _, err := s.Append(t.Context(), someEvents("a", 1)); !errors.Is(err, store.ErrUnavailable) {
				t.Fatalf("append: %v", err)
			}
			if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), row.want) &&
				!strings.Contains(err.Error(), "lacks the tables") {
				t.Errorf("ping: %v, want %q", err, row.want)
			}
			if !strings.Contains(name, "trigger") { // which only an append can see
				if other, err := Open(t.Context(), Options{URL: address}); err == nil {
					_ = other.Close()
					t.Error("open works")
				}
			}
			execAt(t, owner, fmt.Sprintf(row.give, role))
			suitetest.Eventually(t, "appends work again", func() bool {
				_, err := s.Append(t.Context(), someEvents("b", 1))
				return err == nil
			})
			if err := s.Ping(t.Context()); err != nil {
				t.Errorf("ping afterwards: %v", err)
			}
		})
	}
}

// TestPing_FollowsRefusedAppends has a trigger that refuses each event with an error.
// Ping sees nothing wrong itself, so appends must tell it, and a probe must find out
// that the cause lasts and when it has ended. No append happens in between.
func TestPing_FollowsRefusedAppends(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		code, name string
		ready      bool // although appends fail
	}{
		{"3F000", "an unknown schema", false},
		{"28000", "a user that may not connect", false},
		{"0A000", "a feature that is not supported", false},
		{"25006", "a read-only transaction", false},
		{"42501", "a missing right", false},
		{"42P01", "a missing table", false},
		{"53100", "a full disk", false},
		{"53200", "no memory", false},
		{"55P03", "a lock", false},
		{"57014", "a timeout", false},
		{"58030", "an I/O error", false},
		{"P0001", "a trigger", false},
		{"XX001", "a damaged page", false},
		{"23514", "an event that is rejected", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			address := newDatabase(t)
			s := open(t, Options{URL: address, Writers: 1, MaxConns: 1})
			execAt(t, address, "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'as ordered' USING ERRCODE = '"+row.code+"'; END $$",
				"CREATE TRIGGER refuse BEFORE INSERT ON events EXECUTE FUNCTION refuse()")
			if _, err := s.Append(t.Context(), someEvents("a", 1)); err == nil || errors.Is(err, store.ErrUnavailable) == row.ready {
				t.Fatalf("append: %v", err)
			}
			longAgo := func() {
				s.sessions.mu.Lock()
				defer s.sessions.mu.Unlock()
				s.sessions.failed = time.Now().Add(-time.Hour)
			}
			for _, when := range []string{"at once", "an hour later"} {
				err := s.Ping(t.Context())
				if ready := err == nil; ready != row.ready || !ready && !strings.Contains(err.Error(), "appends fail: ") {
					t.Errorf("%s: ping: %v", when, err)
				}
				longAgo()
			}
			execAt(t, address, "DROP TRIGGER refuse ON events")
			if err := s.Ping(t.Context()); err != nil {
				t.Errorf("ping without the trigger: %v", err)
			}
			if stats, err := s.Stats(t.Context()); err != nil || stats != (store.Stats{}) {
				t.Errorf("a probe left something behind: %+v, %v", stats, err)
			}
		})
	}
}

// TestRead_WaitsBrieflyForALock: a reader that waits for a lock gives its connection
// back, so that it does not keep others out, behind a pooler, too.
func TestRead_WaitsBrieflyForALock(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]func(address string) Options{
		"direct": func(address string) Options { return Options{URL: address, MaxConns: 2} },
		"pooled": func(address string) Options { return behindPooler(t, address, 3) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address := newDatabase(t)
			s := open(t, options(address))
			conn, err := pgx.Connect(t.Context(), address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close(t.Context()) }()
			if _, err := conn.Exec(t.Context(), "BEGIN; LOCK TABLE ticks, identities, topics, sums IN ACCESS EXCLUSIVE MODE"); err != nil {
				t.Fatal(err)
			}
			for call, read := range map[string]func() error{
				"older":  func() error { _, _, err := s.Older(t.Context(), store.Filter{}, store.Position{}, 1); return err },
				"newer":  func() error { _, _, err := s.Newer(t.Context(), store.Filter{}, store.Position{}, 1); return err },
				"event":  func() error { _, err := s.Event(t.Context(), someEvents("a", 1)[0].Key()); return err },
				"totals": func() error { _, err := s.Stats(t.Context()); return err },
				"topics": func() error { _, err := s.TopicStats(t.Context(), store.TopicQuery{}); return err },
			} {
				begin := time.Now()
				if err := read(); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("%s: got %v, want ErrUnavailable", call, err)
				}
				// A call may wait for another one that makes a tick, without a connection.
				if took := time.Since(begin); took > 3*time.Second {
					t.Errorf("%s: it took %v", call, took)
				}
			}
			if err := s.Ping(t.Context()); err != nil {
				t.Errorf("ping: %v", err)
			}
			if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Stats(t.Context()); err != nil {
				t.Errorf("a read afterwards: %v", err)
			}
		})
	}
}

// TestExplainConnect_Standby has the error of the check of a new connection.
func TestExplainConnect_Standby(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig(testdb.Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := explainConnect(&config.Config, fmt.Errorf("connect: %w", errStandby)); !strings.Contains(err.Error(), "is a standby and accepts no writes; name the primary") {
		t.Errorf("got %v", err)
	}
}
