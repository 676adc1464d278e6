package chaostest

import (
	"context"
	_ "embed"
	"encoding/binary"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store/postgres"
	"github.com/eventagg/eventagg/pkg/testdb"
)

//go:embed testdata/clock.c
var clockSource string

// clock shifts the clock of a server that was started with its environment.
type clock struct {
	t             *testing.T
	library, file string
}

// newClock compiles the library that is loaded into the server. It needs a C
// compiler.
func newClock(t *testing.T) *clock {
	t.Helper()
	dir := t.TempDir()
	c := &clock{t: t, library: filepath.Join(dir, "clock.so"), file: filepath.Join(dir, "clock")}
	source := filepath.Join(dir, "clock.c")
	for path, text := range map[string]string{source: clockSource, c.file: string(make([]byte, 8))} {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("cc", "-shared", "-fPIC", "-O2", "-o", c.library, source).CombinedOutput(); err != nil {
		t.Fatalf("compile the clock: %v: %s", err, out)
	}
	for _, folder := range []string{dir, filepath.Dir(dir)} { // the servers' user must reach the library
		if err := os.Chmod(folder, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return c
}

// environment loads the library into a server.
func (c *clock) environment() []string {
	return []string{"LD_PRELOAD=" + c.library, "CLOCK_FILE=" + c.file}
}

// shift makes the clock wrong by whole seconds, also after a restart; 0 makes it
// right. It overwrites the file in place, because the server has it mapped.
func (c *clock) shift(by time.Duration) {
	c.t.Helper()
	file, err := os.OpenFile(c.file, os.O_WRONLY, 0)
	if err != nil {
		c.t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := file.WriteAt(binary.NativeEndian.AppendUint64(nil, uint64(int64(by/time.Second))), 0); err != nil {
		c.t.Fatal(err)
	}
}

// TestClock_ShiftsWallClockOfServers shifts the clocks ahead, back and to the
// right time, and reads them. Timers must go on as before.
func TestClock_ShiftsWallClockOfServers(t *testing.T) {
	t.Parallel()
	databaseClock, queueClock := newClock(t), newClock(t)
	database := testdb.StartPostgres(t, testdb.PostgresOptions{NoSync: true, Environment: databaseClock.environment()})
	queue := testdb.StartRedis(t, testdb.RedisOptions{Environment: queueClock.environment()})
	if _, err := postgres.Migrate(t.Context(), postgres.Options{URL: database.URL()}); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	for _, by := range []time.Duration{5 * time.Hour, -24 * time.Hour, 0} {
		databaseClock.shift(by)
		queueClock.shift(by)
		if by < 0 {
			database.Stop(testdb.Fast)
			database.Start()
		}
		for name, got := range map[string]time.Time{
			"PostgreSQL": postgresTime(t.Context(), t, database.URL(), by),
			"Redis":      redisTime(t.Context(), t, queue.URL()),
		} {
			if off := got.Sub(time.Now().Add(by)); off.Abs() > time.Minute {
				t.Errorf("the clock of %s is off by %v, want %v", name, off+by, by)
			}
		}
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}

// postgresTime returns the time at which the server stores an event.
func postgresTime(ctx context.Context, t *testing.T, address string, by time.Duration) time.Time {
	t.Helper()
	s, err := postgres.Open(ctx, postgres.Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	e := event.Event{Topic: "clock", ID: by.String(), Timestamp: time.Unix(0, 0), Source: "test", Payload: "{}"}
	if _, err := s.Append(ctx, []event.Event{e}); err != nil {
		t.Fatal(err)
	}
	record, err := s.Event(ctx, e.Key())
	if err != nil {
		t.Fatal(err)
	}
	return record.CreatedAt
}

func redisTime(ctx context.Context, t *testing.T, address string) time.Time {
	t.Helper()
	parsed, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	password, _ := parsed.User.Password()
	out, err := exec.CommandContext(ctx, "redis-cli", "-p", parsed.Port(), "-a", password, "--no-auth-warning", "TIME").CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli: %v: %s", err, out)
	}
	text, _, _ := strings.Cut(string(out), "\n")
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatalf("redis-cli: %v", err)
	}
	return time.Unix(seconds, 0)
}
