package cmd

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/doctor"
	"github.com/eventagg/eventagg/pkg/store/postgres"
	"github.com/eventagg/eventagg/pkg/suitetest"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// runDoctorAt runs doctor and returns its report as text, its JSON, and its error.
func runDoctorAt(t *testing.T, change func(*config.Config)) (string, doctorResult, error) {
	t.Helper()
	opts := doctorOptions{config: config.Default()}
	change(&opts.config)
	a, text, _ := testApp()
	err := a.runDoctor(t.Context(), opts)
	a, out, _ := testApp()
	opts.format = "json"
	_ = a.runDoctor(t.Context(), opts)
	var result doctorResult
	if errJSON := json.Unmarshal(out.Bytes(), &result); errJSON != nil {
		t.Fatalf("%v: %s", errJSON, out)
	}
	t.Log("\n" + text.String())
	return text.String(), result, err
}

// wantReport checks lines of a report, and whether the promised guarantee holds.
func wantReport(t *testing.T, holds doctor.State, text string, result doctorResult, err error, lines ...string) {
	t.Helper()
	failed := new(checkError)
	if power := result.Guarantee.Survives.PowerLoss; holds == doctor.Yes && strings.Contains(power.Reason, "is in memory") {
		holds = doctor.Maybe // testdb prefers a file system in memory
	}
	if result.Holds != holds || errors.As(err, &failed) != (holds == doctor.No) {
		t.Errorf("holds %s (%v), want %s", result.Holds, err, holds)
	}
	for _, line := range lines {
		if !regexp.MustCompile(`(?m)^` + line).MatchString(text) {
			t.Errorf("no line %q", line)
		}
	}
}

func migrated(t *testing.T, address string) {
	t.Helper()
	if _, err := postgres.Migrate(t.Context(), postgres.Options{URL: address}); err != nil {
		t.Fatal(err)
	}
}

func execute(t *testing.T, address string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for _, statement := range statements {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// TestDoctor_PostgresWithStandby goes from one good server to an asynchronous and then to
// a synchronous standby, and loses that.
func TestDoctor_PostgresWithStandby(t *testing.T) {
	t.Parallel()
	primary := testdb.StartPostgres(t, testdb.PostgresOptions{})
	at := func(c *config.Config) { c.Database.URL = primary.URL() }
	text, result, err := runDoctorAt(t, at)
	wantReport(t, doctor.Yes, text, result, err, "note +database: usable +there are no tables yet")
	migrated(t, primary.URL())
	text, result, err = runDoctorAt(t, at)
	wantReport(t, doctor.Yes, text, result, err,
		`success survives the loss of the machine +no`, `exactly once across instances \* +yes`,
		"ok +database: usable", "ok +database: fsync", "ok +database: connections", "note +database: synchronous standbys")

	standby := testdb.StartStandby(t, primary)
	text, result, err = runDoctorAt(t, at)
	wantReport(t, doctor.Yes, text, result, err, `success survives a failover +no +no standby must confirm a commit`, "note +database: synchronous standbys +1 standby asynchronous")
	execute(t, primary.URL(), "ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()")
	suitetest.Eventually(t, "the standby confirms commits", func() bool {
		text, result, err = runDoctorAt(t, at)
		return err == nil && result.Guarantee.Survives.Failover.Holds == doctor.Yes
	})
	wantReport(t, doctor.Yes, text, result, err, `success survives a failover +yes +1 synchronous standby confirms each commit`, `success survives the loss of the machine +unknown`)

	text, result, err = runDoctorAt(t, func(c *config.Config) { c.Database.URL = standby.URL() })
	wantReport(t, doctor.No, text, result, err, "failure +database: usable +the database is a standby")
	standby.Stop(testdb.Fast)
	suitetest.Eventually(t, "the standby is missed", func() bool {
		text, result, err = runDoctorAt(t, at)
		return err != nil && result.Holds == doctor.No
	})
	wantReport(t, doctor.No, text, result, err, "failure +database: synchronous standbys +0 of 1 synchronous standbys are connected")
}

// TestDoctor_PostgresWithoutSync: the shared server of the tests is fast and unsafe.
func TestDoctor_PostgresWithoutSync(t *testing.T) {
	t.Parallel()
	address := testdb.Postgres(t)
	migrated(t, address)
	execute(t, address, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$")
	text, result, err := runDoctorAt(t, func(c *config.Config) { c.Database.URL = address })
	wantReport(t, doctor.No, text, result, err,
		`success survives a crash of the database \* +yes`, `success survives power loss \* +no +fsync is off`,
		"failure +database: fsync +fsync is off", "failure +database: full_page_writes", "warning +database: synchronous_commit of role and database +synchronous_commit is off for database")
}

// TestDoctor_PostgresWithFewRights: what the role may not see is unknown, and the rest is
// known.
func TestDoctor_PostgresWithFewRights(t *testing.T) {
	t.Parallel()
	address := testdb.Postgres(t)
	migrated(t, address)
	grants, err := postgres.Grants(t.Context(), postgres.Options{URL: address}, "doctor_few")
	if err != nil {
		t.Fatal(err)
	}
	execute(t, address, grants, "ALTER ROLE doctor_few PASSWORD 'secret' CONNECTION LIMIT 3")
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	parsed.User = url.UserPassword("doctor_few", "secret")
	text, result, err := runDoctorAt(t, func(c *config.Config) { c.Database.URL = parsed.String() })
	wantReport(t, doctor.No, text, result, err,
		"failure +database: fsync", "ok +database: usable +the role has every right", "unknown +database: write-ahead log +could not be checked: .*permission denied",
		"unknown +database: long transactions", "warning +database: connections +.*CONNECTION LIMIT of the role")
	if strings.Contains(text, "secret") {
		t.Error("the password is shown")
	}
}

func TestDoctor_Redis(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options testdb.RedisOptions
		holds   doctor.State
		lines   []string
	}{
		"a durable one": {testdb.RedisOptions{Durable: true}, doctor.Yes, []string{
			`queued \(202\) is durable, on 1 machine \* +yes`, "ok +queue: persistence", "note +queue: replicas +no replica", "ok +queue: clock",
		}},
		"one that syncs every second": {testdb.RedisOptions{Settings: map[string]string{"appendonly": "yes"}}, doctor.No, []string{
			`queued \(202\) is durable \* +no +appendfsync is everysec`, "failure +queue: persistence +appendfsync is everysec: an acknowledged", " +fix: CONFIG SET appendfsync always",
		}},
		"one that evicts": {testdb.RedisOptions{Durable: true, Settings: map[string]string{"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"}}, doctor.No, []string{
			"failure +queue: eviction +maxmemory-policy is allkeys-lru", "warning +queue: memory +maxmemory is 100 MiB, a full queue needs 384 MiB",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := testdb.StartRedis(t, test.options)
			file := diskFile(t)
			text, result, err := runDoctorAt(t, func(c *config.Config) { c.Database.URL, c.Broker.URL = "sqlite:"+file, server.URL() })
			wantReport(t, test.holds, text, result, err, test.lines...)
		})
	}
}

// diskFile returns the path of a database file on a disk: the folder for tests may be in
// memory.
func diskFile(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("/var/tmp", "eventagg") //nolint:usetesting // TempDir may be in memory
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	return filepath.Join(folder, "eventagg.db")
}

// TestLogGuarantee: serve logs one line, and one warning for each dependency.
func TestLogGuarantee(t *testing.T) {
	t.Parallel()
	address := testdb.Postgres(t)
	migrated(t, address)
	c := config.Default()
	c.Database.URL = address
	c.Broker.URL = testdb.StartRedis(t, testdb.RedisOptions{}).URL()
	var log bytes.Buffer
	logGuarantee(t.Context(), doctor.Judge(gatherDurability(t.Context(), c)), slog.New(slog.NewTextHandler(&log, nil)))
	for _, want := range []string{
		`level=INFO msg="guarantee of stored events" survives.process_crash=yes survives.database_crash=yes survives.power_loss=no survives.machine_loss=no survives.failover=no exact_across_instances=yes queued_durable=no`,
		`level=WARN msg="guarantee weakened" dependency=database reason="fsync is off: `,
		`level=WARN msg="guarantee weakened" dependency=queue reason="appendonly is no`,
	} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("no line %s in\n%s", want, log.String())
		}
	}
	if lines := strings.Count(log.String(), "\n"); lines != 3 {
		t.Errorf("%d lines, want 3:\n%s", lines, log.String())
	}
}
