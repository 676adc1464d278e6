package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/testdb"
)

// inspectAt returns the facts of a database. Parts in unknown may be missing, no others.
func inspectAt(t *testing.T, address string, unknown ...string) *Facts {
	t.Helper()
	f, err := Inspect(t.Context(), Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range unknown {
		if f.Unknown[part] == "" {
			t.Errorf("%s is known", part)
		}
		delete(f.Unknown, part)
	}
	if len(f.Unknown) > 0 {
		t.Errorf("unknown: %v", f.Unknown)
	}
	return f
}

func table(f *Facts, name string) Table {
	for _, found := range f.Tables {
		if found.Name == name {
			return found
		}
	}
	return Table{}
}

func TestInspect_SeesWhatAnOperatorHasChanged(t *testing.T) {
	t.Parallel()
	address := newDatabase(t)
	f := inspectAt(t, address)
	if f.Unusable != nil || f.NoTables || f.Schema != "public" || f.Encoding != "UTF8" || !f.Local || f.Encrypted || len(f.Tables) < 4 {
		t.Errorf("a migrated database: %+v", f)
	}
	if f.Settings["fsync"] != "off" || f.SynchronousCommit != "on" || f.Version == "" || f.WAL.Maximum == 0 || f.Disk.Total == 0 {
		t.Errorf("settings of the shared server: %v, commits with %q", f.Settings, f.SynchronousCommit)
	}
	if f.RoundTrip <= 0 || f.Skew.Abs() > time.Minute {
		t.Errorf("the clock of this machine differs by %s, round trip %s", f.Skew, f.RoundTrip)
	}
	execAt(t, address,
		`DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`,
		"CREATE UNLOGGED TABLE public.copy (n int)",
		"ALTER TABLE public.copy ENABLE ROW LEVEL SECURITY",
		"CREATE FUNCTION public.nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
		"CREATE TRIGGER mine BEFORE INSERT ON public.copy FOR EACH ROW EXECUTE FUNCTION public.nothing()",
		"CREATE RULE others AS ON DELETE TO public.copy DO INSTEAD NOTHING",
		"CREATE INDEX slow ON public.copy (n)",
		"UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'public.slow'::regclass",
		"ALTER TABLE public.copy SET (autovacuum_enabled = off)",
	)
	f = inspectAt(t, address)
	if f.Settings["synchronous_commit"] != "off" || f.SynchronousCommit != "on" || len(f.Overrides) != 1 || f.Overrides[0].Value != "off" {
		t.Errorf("a database that commits asynchronously: %q, commits with %q, %+v", f.Settings["synchronous_commit"], f.SynchronousCommit, f.Overrides)
	}
	found := table(f, "copy")
	found.Bytes = 0
	if want := (Table{Name: "copy", Unlogged: true, Secured: true, VacuumOff: true, Triggers: "mine", Rules: "others", InvalidIndexes: "slow"}); found != want {
		t.Errorf("table %+v, want %+v", found, want)
	}
}

func TestInspect_SeesOpenTransactions(t *testing.T) {
	t.Parallel()
	address := newDatabase(t)
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	if _, err := conn.Exec(t.Context(), "BEGIN; SELECT 1"); err != nil {
		t.Fatal(err)
	}
	f := inspectAt(t, address)
	if !f.Sessions.Visible || f.Sessions.Used < 1 || f.Sessions.LongestSession == "" {
		t.Errorf("%+v, expected the open transaction", f.Sessions)
	}
}

// TestInspect_WithFewRights: what the role may not see is unknown, and the rest is known.
func TestInspect_WithFewRights(t *testing.T) {
	t.Parallel()
	address, owner, role := asRole(t)
	f := inspectAt(t, address, FactsWAL)
	if f.Unusable != nil || f.Settings["fsync"] == "" || f.Settings["data_directory"] != "" || f.DiskUnknown == "" || f.Sessions.Visible {
		t.Errorf("as the role of serve: %+v", f)
	}
	execAt(t, owner, "REVOKE INSERT ON public.events FROM "+role)
	f = inspectAt(t, address, FactsWAL)
	if f.Unusable == nil || !strings.Contains(f.Unusable.Error(), "INSERT on events") {
		t.Errorf("without a right: %v", f.Unusable)
	}
}

func TestInspect_States(t *testing.T) {
	t.Parallel()
	t.Run("no tables", func(t *testing.T) {
		t.Parallel()
		if f := inspectAt(t, testdb.Postgres(t)); !f.NoTables || !f.MayCreate || f.Unusable != nil {
			t.Errorf("an empty database: %+v", f)
		}
	})
	t.Run("two sets of tables", func(t *testing.T) {
		t.Parallel()
		address := newDatabase(t)
		if _, err := Migrate(t.Context(), Options{URL: address, Schema: "second"}); err != nil {
			t.Fatal(err)
		}
		if f := inspectAt(t, address); f.Unusable == nil || !strings.Contains(f.Unusable.Error(), "database.schema") {
			t.Errorf("two sets of tables: %v", f.Unusable)
		}
	})
	t.Run("a pooler", func(t *testing.T) {
		t.Parallel()
		pooler := testdb.StartPgBouncer(t, newDatabase(t), testdb.PgBouncerOptions{})
		f, err := Inspect(t.Context(), Options{URL: pooler.URL(), Pooled: true})
		if err != nil || f.Unusable != nil || len(f.Unknown) > 0 || f.SynchronousCommit != "on" {
			t.Errorf("behind a pooler: %+v, %v", f, err)
		}
	})
	t.Run("a server that is not there", func(t *testing.T) {
		t.Parallel()
		if _, err := Inspect(t.Context(), Options{URL: "postgres://eventagg:secret@127.0.0.1:1/x"}); err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("error %v", err)
		}
	})
}
