package testdb

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// query reads one value from a database, as text.
func query(ctx context.Context, address, statement string) (value string, err error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	err = conn.QueryRow(ctx, statement).Scan(&value)
	return value, err
}

func mustQuery(t *testing.T, address, statement string) string {
	t.Helper()
	value, err := query(t.Context(), address, statement)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return value
}

func mustExec(t *testing.T, address, statement string) {
	t.Helper()
	if err := execAt(t.Context(), address, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func execAt(ctx context.Context, address, statement string) error {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, statement)
	return err
}

func TestPostgres_ReturnsEmptyDatabase(t *testing.T) {
	t.Parallel()
	one, two := Postgres(t), Postgres(t)
	mustExec(t, one, "CREATE TABLE mine (n int)")
	for address, want := range map[string]string{one: "1", two: "0"} {
		if got := mustQuery(t, address, "SELECT count(*)::text FROM pg_tables WHERE tablename = 'mine'"); got != want {
			t.Errorf("%s tables called mine, want %s", got, want)
		}
	}
	if got := mustQuery(t, one, "SHOW fsync"); got != "off" {
		t.Errorf("fsync is %s on the shared server, want off", got)
	}
}

func TestPostgres_DropsDatabaseAfterTest(t *testing.T) {
	var address string
	t.Run("user", func(t *testing.T) { address = Postgres(t) })
	if address == "" {
		t.Skip("skipped with its subtest")
	}
	if _, err := query(t.Context(), address, "SELECT ''"); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("got %v, want that the database does not exist", err)
	}
}

func TestPostgres_RefusesWrongPassword(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword(superuser, "guess")
	if _, err := query(t.Context(), address.String(), "SELECT ''"); err == nil {
		t.Error("a wrong password was accepted")
	}
}

func TestMigratedPostgres_MigratesOnce(t *testing.T) {
	t.Parallel()
	runs := 0
	migrate := func(ctx context.Context, address string) error {
		runs++
		return execAt(ctx, address, "CREATE TABLE migrated (n int)")
	}
	one, two := MigratedPostgres(t, migrate), MigratedPostgres(t, migrate)
	mustExec(t, one, "INSERT INTO migrated VALUES (1)")
	for address, want := range map[string]string{one: "1", two: "0"} {
		if got := mustQuery(t, address, "SELECT count(*)::text FROM migrated"); got != want {
			t.Errorf("%s rows, want %s", got, want)
		}
	}
	if runs != 1 {
		t.Errorf("migrated %d times, want once", runs)
	}
}

func TestFindPostgres_PrefersConfiguredFolder(t *testing.T) {
	t.Setenv(envPostgresBin, "/opt/postgres/bin")
	if got, err := findPostgres(); errUnsupported == nil && (err != nil || got != "/opt/postgres/bin") {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestStartPostgres_KeepsDataOverRestart(t *testing.T) {
	t.Parallel()
	s := StartPostgres(t, PostgresOptions{Settings: map[string]string{"max_connections": "17"}, Environment: []string{"TZ=Asia/Jakarta"}})
	for setting, want := range map[string]string{"fsync": "on", "max_connections": "17"} {
		if got := mustQuery(t, s.URL(), "SHOW "+setting); got != want {
			t.Errorf("%s is %s, want %s", setting, got, want)
		}
	}
	pid, _ := s.backend.pid()
	if environment, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid)); err != nil || !strings.Contains(string(environment), "TZ=Asia/Jakarta") {
		t.Errorf("the environment of the server lacks the variable (%v)", err)
	}
	mustExec(t, s.URL(), "CREATE TABLE kept (n int)")
	for _, mode := range []Mode{Fast, Immediate} {
		s.Stop(mode)
		s.Stop(mode) // the second call does nothing
		if _, err := query(t.Context(), s.URL(), "SELECT ''"); err == nil {
			t.Error("a stopped server responds")
		}
		s.Start()
		if got := mustQuery(t, s.URL(), "SELECT count(*)::text FROM kept"); got != "0" {
			t.Errorf("after a restart the table has %s rows, want 0", got)
		}
	}
}

func TestServer_PauseStopsResponses(t *testing.T) {
	t.Parallel()
	s := StartPostgres(t, PostgresOptions{NoSync: true})
	s.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := query(ctx, s.URL(), "SELECT ''"); err == nil {
		t.Error("a paused server responds")
	}
	s.Resume()
	mustQuery(t, s.URL(), "SELECT ''")
}

func TestStartRedis_KeepsDataOverCrash(t *testing.T) {
	t.Parallel()
	s := StartRedis(t, RedisOptions{Durable: true})
	server, ok := s.backend.(*redis)
	if !ok || !server.ready() {
		t.Fatal("a started server is not ready")
	}
	s.Stop(Immediate)
	if server.ready() {
		t.Error("a stopped server is ready")
	}
	s.Start()
	s.Stop(Fast)
	if !strings.HasPrefix(s.URL(), "redis://:") {
		t.Errorf("the address is %s, want a redis URL with a password", s.URL())
	}
}

func TestRedis_SharesServerAndNotPrefix(t *testing.T) {
	t.Parallel()
	one, prefixOne := Redis(t)
	two, prefixTwo := Redis(t)
	if one != two || prefixOne == prefixTwo {
		t.Errorf("addresses are equal: %t, prefixes are %q and %q; want one address and two prefixes", one == two, prefixOne, prefixTwo)
	}
}

func TestUniqueName_IsShortPlainAndUnique(t *testing.T) {
	t.Parallel()
	one := uniqueName("TestX/it_says_\"hello\"_" + strings.Repeat("é", 100))
	two := uniqueName("TestX/it_says_\"hello\"_" + strings.Repeat("é", 100))
	if one == two || len(one) > 63 || strings.Trim(one, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		t.Errorf("names are %q and %q, want two different plain ones of at most 63 bytes", one, two)
	}
}
