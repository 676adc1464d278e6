package testdb

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

func TestMain(m *testing.M) { os.Exit(Main(m)) }

// query asks a database for one value, as text.
func query(ctx context.Context, t *testing.T, address, statement string) (string, error) {
	t.Helper()
	bin, err := findPostgres()
	if err != nil {
		unavailable(t, "PostgreSQL", err)
	}
	out, err := exec.CommandContext(ctx, bin+"/psql", "-XAtq", "-d", address, "-c", statement).CombinedOutput()
	return strings.TrimSpace(string(out)), err
}

func mustQuery(t *testing.T, address, statement string) string {
	t.Helper()
	answer, err := query(t.Context(), t, address, statement)
	if err != nil {
		t.Fatalf("%s: %v: %s", statement, err, answer)
	}
	return answer
}

func TestPostgresGivesEachTestAnEmptyDatabase(t *testing.T) {
	t.Parallel()
	one, two := Postgres(t), Postgres(t)
	mustQuery(t, one, "CREATE TABLE mine (n int)")
	for address, want := range map[string]string{one: "1", two: "0"} {
		if got := mustQuery(t, address, "SELECT count(*) FROM pg_tables WHERE tablename = 'mine'"); got != want {
			t.Errorf("%s tables called mine, want %s", got, want)
		}
	}
	if got := mustQuery(t, one, "SHOW fsync"); got != "off" {
		t.Errorf("fsync is %s on the shared server, want off", got)
	}
}

func TestPostgresDropsTheDatabaseAfterTheTest(t *testing.T) {
	var address string
	t.Run("user", func(t *testing.T) { address = Postgres(t) })
	if address == "" {
		t.Skip("left out with its subtest")
	}
	if answer, err := query(t.Context(), t, address, "SELECT 1"); err == nil || !strings.Contains(answer, "does not exist") {
		t.Errorf("the database answers %q (%v), want it to be gone", answer, err)
	}
}

func TestPostgresNeedsAPassword(t *testing.T) {
	t.Parallel()
	address, err := url.Parse(Postgres(t))
	if err != nil {
		t.Fatal(err)
	}
	address.User = url.UserPassword(superuser, "guess")
	if answer, err := query(t.Context(), t, address.String(), "SELECT 1"); err == nil {
		t.Errorf("a wrong password was answered %q", answer)
	}
}

func TestPostgresOfItsOwnSurvivesStopAndStart(t *testing.T) {
	t.Parallel()
	s := StartPostgres(t, PostgresOptions{Settings: map[string]string{"max_connections": "17"}})
	if got := mustQuery(t, s.URL(), "SHOW fsync"); got != "on" {
		t.Errorf("fsync is %s on a server of its own, want on", got)
	}
	if got := mustQuery(t, s.URL(), "SHOW max_connections"); got != "17" {
		t.Errorf("max_connections is %s, want the 17 asked for", got)
	}
	mustQuery(t, s.URL(), "CREATE TABLE kept (n int)")
	for _, mode := range []Mode{Fast, Immediate} {
		s.Stop(mode)
		s.Stop(mode) // once more does nothing
		if answer, err := query(t.Context(), t, s.URL(), "SELECT 1"); err == nil {
			t.Errorf("a stopped server answers %q", answer)
		}
		s.Start()
		if got := mustQuery(t, s.URL(), "SELECT count(*) FROM kept"); got != "0" {
			t.Errorf("after a start the table holds %s rows, want 0", got)
		}
	}
}

func TestPausedPostgresAnswersNothing(t *testing.T) {
	t.Parallel()
	s := StartPostgres(t, PostgresOptions{NoSync: true})
	s.Pause()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if answer, err := query(ctx, t, s.URL(), "SELECT 1"); err == nil {
		t.Errorf("a frozen server answers %q", answer)
	}
	s.Resume()
	if got := mustQuery(t, s.URL(), "SELECT 1"); got != "1" {
		t.Errorf("a resumed server answers %q, want 1", got)
	}
}

func TestRedisKeepsDataOverACrashWhenDurable(t *testing.T) {
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

func TestDatabaseNameIsShortPlainAndUnique(t *testing.T) {
	t.Parallel()
	one := databaseName("TestX/it_says_\"hello\"_" + strings.Repeat("é", 100))
	two := databaseName("TestX/it_says_\"hello\"_" + strings.Repeat("é", 100))
	if one == two || len(one) > 63 || strings.Trim(one, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		t.Errorf("names are %q and %q, want two different plain ones of at most 63 bytes", one, two)
	}
}
