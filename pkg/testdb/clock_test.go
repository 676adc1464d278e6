package testdb

import (
	"context"
	"net/url"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestClocksJump sets clocks ahead, back and right, and asks the servers, whose
// timers go on as if nothing had been.
func TestClocksJump(t *testing.T) {
	t.Parallel()
	database, queue := StartPostgres(t, PostgresOptions{NoSync: true, Clock: true}), StartRedis(t, RedisOptions{Clock: true})
	began := time.Now()
	for _, wrong := range []time.Duration{5 * time.Hour, -24 * time.Hour, 0} {
		database.SetClock(wrong)
		queue.SetClock(wrong)
		if wrong < 0 {
			database.Stop(Fast)
			database.Start()
		}
		for name, answer := range map[string]string{
			"PostgreSQL": mustQuery(t, database.URL(), "SELECT extract(epoch FROM clock_timestamp())::bigint FROM pg_sleep(0.2)"),
			"Redis":      redisTime(t.Context(), t, queue.URL()),
		} {
			seconds, err := strconv.ParseInt(answer, 10, 64)
			off := time.Unix(seconds, 0).Sub(time.Now().Add(wrong))
			if err != nil || off.Abs() > time.Minute {
				t.Errorf("%s says %q, %v off what it should be %v off", name, answer, off+wrong, wrong)
			}
		}
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %v", took)
	}
}

func redisTime(ctx context.Context, t *testing.T, address string) string {
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
	seconds, _, _ := strings.Cut(string(out), "\n")
	return seconds
}
