package postgres

import (
	"context"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/storetest"
	"github.com/eventagg/eventagg/pkg/testdb"
	"github.com/eventagg/eventagg/sql"
)

// withRole returns a migrated database that gives PUBLIC nothing, the statements of
// Grants for a new role, and the URL for that role.
func withRole(t *testing.T) (owner, address, role string, statements []string) {
	t.Helper()
	owner = newDatabase(t)
	role = fmt.Sprintf("serve_%d", time.Now().UnixNano())
	text, err := Grants(t.Context(), Options{URL: owner}, role)
	if err != nil {
		t.Fatal(err)
	}
	execAt(t, owner, `DO $$ BEGIN
		EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
	END $$`, "REVOKE ALL ON SCHEMA public FROM PUBLIC")
	create, grants, _ := strings.Cut(text, "GRANT ")
	statements = []string{create}
	for grant := range strings.SplitSeq("GRANT "+grants, ";") {
		if grant = strings.TrimSpace(grant); grant != "" {
			statements = append(statements, grant)
		}
	}
	return owner, changed(t, owner, func(u *url.URL) { u.User = url.UserPassword(role, "secret") }), role, statements
}

// asRole returns the URL of a migrated database for a role that has only the rights
// that serving needs, and the URL of its owner.
func asRole(t *testing.T) (address, owner, role string) {
	t.Helper()
	owner, address, role, statements := withRole(t)
	execAt(t, owner, statements...)
	execAt(t, owner, statements...) // a second time, as after an upgrade
	execAt(t, owner, "ALTER ROLE "+role+" PASSWORD 'secret'")
	return address, owner, role
}

// TestGrants_AreAllThatAStoreNeeds runs the conformance suite as the role of Grants:
// appends, duplicates, reads, deliveries and their retention, and readiness.
func TestGrants_AreAllThatAStoreNeeds(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	owners := map[string]string{} // by the URL of the role
	as := func(t *testing.T, _ store.Store) *Store {
		t.Helper()
		address, owner, _ := asRole(t)
		mu.Lock()
		owners[address] = owner
		mu.Unlock()
		return open(t, Options{URL: address})
	}
	ownerOf := func(s store.Store) string {
		mu.Lock()
		defer mu.Unlock()
		return owners[urlOf(t, s)]
	}
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) store.Store { return as(t, nil) },
		Reopen: func(t *testing.T, s store.Store) store.Store {
			return open(t, Options{URL: urlOf(t, s)})
		},
		Copy: func(t *testing.T, s store.Store) store.Store {
			target := as(t, nil)
			copyRows(t, ownerOf(s), ownerOf(target))
			return target
		},
		Outage: func(t *testing.T, s store.Store) (down, up func()) {
			return outage(t, open(t, Options{URL: ownerOf(s)}))
		},
		Rejected: refusedEvent,
		Age: func(t *testing.T, s store.Store) (store.Retainer, time.Time) {
			return s, endPartition(t, ownerOf(s))
		},
	})
}

// TestGrants_EachIsNeeded leaves out one statement after the other. The store must
// say at start what is missing.
func TestGrants_EachIsNeeded(t *testing.T) {
	t.Parallel()
	owner, _, _, all := withRole(t)
	if owner == "" || len(all) < 2 {
		t.Fatalf("the statements are %q", all)
	}
	for left, statement := range all[1:] {
		if strings.Contains(statement, "EXECUTE") {
			continue // only retention needs it
		}
		t.Run(regexp.MustCompile(` (TO|ON DATABASE) .*`).ReplaceAllString(statement, ""), func(t *testing.T) {
			t.Parallel()
			owner, address, role, statements := withRole(t)
			execAt(t, owner, slices.Delete(statements, left+1, left+2)...)
			execAt(t, owner, "ALTER ROLE "+role+" PASSWORD 'secret'")
			opened, err := Open(t.Context(), Options{URL: address})
			if err == nil {
				_ = opened.Close()
			}
			if err == nil || strings.Contains(err.Error(), "secret") {
				t.Errorf("Open returned %v, want an error", err)
			}
			t.Log(err)
		})
	}
}

// TestGrants_AreTheRightsThatReadinessChecks compares the privileges in the catalog
// with the list in ready.sql, so that neither has one more.
func TestGrants_AreTheRightsThatReadinessChecks(t *testing.T) {
	t.Parallel()
	_, owner, role := asRole(t)
	conn, err := pgx.Connect(t.Context(), owner)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), `SELECT '(''' || table_name || ''', ''' || privilege_type || ''')'
		FROM information_schema.role_table_grants WHERE grantee = $1 AND table_name <> 'eventagg_migrations'`, role)
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	text, err := sql.Files.ReadFile("postgres/queries/ready.sql")
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`\('\w+', '[A-Z]+'\)`).FindAllString(string(text), -1)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rights (-ready.sql +granted):\n%s", diff)
	}
}

// TestMigrate_NothingToDoNeedsNoFurtherRights migrates as the role of Grants. The
// rights are those of serving.
func TestMigrate_NothingToDoNeedsNoFurtherRights(t *testing.T) {
	t.Parallel()
	address, _, _ := asRole(t)
	s := open(t, Options{URL: address})
	if outcomes, err := s.Append(t.Context(), someEvents("e", 2)); err != nil || outcomes[1] != event.Stored {
		t.Fatalf("append: %v, %v", outcomes, err)
	}
	if applied, err := Migrate(t.Context(), Options{URL: address}); err != nil || applied != 0 {
		t.Errorf("migrate returned %d and %v, want 0 and no error", applied, err)
	}
}

// TestGrants_Errors has calls without a result.
func TestGrants_Errors(t *testing.T) {
	t.Parallel()
	owner := newDatabase(t)
	unknown := changed(t, owner, func(u *url.URL) { u.Path = "/unknown" })
	for name, row := range map[string]struct{ url, role, want string }{
		"an empty role":               {owner, "", "invalid role"},
		"a role that would be SQL":    {owner, `x"; DROP TABLE events; --`, "invalid role"},
		"a role that ends the string": {owner, "x'$$", "invalid role"},
		"a role that is too long":     {owner, strings.Repeat("r", 64), "invalid role"},
		"an unknown database":         {unknown, "serve", "unknown"},
		"a URL that is not one":       {"postgres://a b", "serve", "URL"},
		"no tables":                   {testdb.Postgres(t), "serve", "run `eventagg migrate`"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if text, err := Grants(t.Context(), Options{URL: row.url}, row.role); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %q and %v, want an error with %q", text, err, row.want)
			}
		})
	}
}
