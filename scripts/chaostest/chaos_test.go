package chaostest

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/cmd"
	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/queue/redis"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/testdb"
)

var (
	duration = flag.Duration("chaos.for", 15*time.Second, "how long faults are injected")
	seed     = flag.Uint64("chaos.seed", 1, "seed of events and faults; 0 for a random one")
	only     = flag.String("chaos.only", "", "inject only faults whose name contains this")
)

// asEventagg is an environment variable. It makes the test binary behave as eventagg,
// with the race detector if the test has it.
const asEventagg = "CHAOSTEST_AS_EVENTAGG"

func TestMain(m *testing.M) {
	if os.Getenv(asEventagg) != "" {
		os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, "chaos"))
	}
	os.Exit(testdb.Main(m))
}

// environment is everything that faults are injected into, and its senders.
type environment struct {
	t           *testing.T
	postgres    *testdb.Server
	redis       *testdb.Server
	clocks      map[*testdb.Server]*clock
	instances   []*instance
	queue       queue.Queue
	senders     *senders
	redelivered int // events whose worker crashed after their COMMIT
}

// TestChaos injects faults under load, one by one and two at a time, and checks the
// verdict.
func TestChaos(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	w := newEnvironment(t)
	sending, stop := context.WithCancel(t.Context())
	defer stop()
	w.senders.start(sending, 12)
	injected := w.inject(rand.New(rand.NewPCG(*seed, 0)))
	stop()
	w.senders.running.Wait()
	seen := w.observe()
	t.Logf("seed %d: %s", *seed, injected)
	t.Logf("%d events sent, %d with a response, %d stored, %d duplicates, %d delivered again after their COMMIT",
		w.senders.ledger.attempts, w.senders.ledger.responses, seen.unique, seen.duplicates, w.redelivered)
	v := w.senders.ledger.judge(seen)
	t.Logf("verdict: %v", v)
	if v != (verdict{}) {
		t.Errorf("a guarantee is violated: %v", v)
	}
	w.audit()
	if seen.unique == 0 {
		t.Error("nothing was stored, so nothing was verified")
	}
}

// audit runs `eventagg verify`. It leaves out the queue: the faults change its clock, so
// that deliveries are from the future.
func (w *environment) audit() {
	w.t.Helper()
	program, err := os.Executable()
	if err != nil {
		w.t.Fatal(err)
	}
	verify := exec.CommandContext(w.t.Context(), program, "verify", "--database-url", w.postgres.URL())
	verify.Env, verify.Dir = append(os.Environ(), asEventagg+"=1"), w.t.TempDir()
	out, err := verify.CombinedOutput()
	if err != nil {
		w.t.Errorf("the audit of the database: %v", err)
	}
	w.t.Logf("audit of the database:\n%s", out)
}

func newEnvironment(t *testing.T) *environment {
	postgresClock, redisClock := newClock(t), newClock(t)
	w := &environment{t: t, postgres: testdb.StartPostgres(t, testdb.PostgresOptions{Environment: postgresClock.environment()}),
		redis: testdb.StartRedis(t, testdb.RedisOptions{Durable: true, Environment: redisClock.environment()})}
	w.clocks = map[*testdb.Server]*clock{w.postgres: postgresClock, w.redis: redisClock}
	var err error
	w.queue, err = redis.Open(t.Context(), redis.Options{URL: w.redis.URL(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.queue.Close() })
	w.senders = &senders{ledger: newLedger(), seed: *seed, pause: 5 * time.Millisecond}
	for range 3 {
		// A short timeout, so that hanging calls end within the test.
		i := newInstance(t, "--database-url", w.postgres.URL(), "--broker-url", w.redis.URL(), "--ingest-flush-timeout", "2s")
		w.instances = append(w.instances, i)
		w.senders.proxies = append(w.senders.proxies, newProxy(t, i.addr))
	}
	for _, i := range w.instances {
		i.ensureRunning()
	}
	return w
}

// inject injects faults until time is up, sometimes two at once. It returns how often
// each was injected.
func (w *environment) inject(r *rand.Rand) string {
	var chosen []fault
	for _, f := range faults() {
		if strings.Contains(f.name, *only) {
			chosen = append(chosen, f)
		}
	}
	if len(chosen) == 0 {
		w.t.Fatalf("no fault has a name with %q", *only)
	}
	counts, total := make([]int, len(chosen)), 0
	order := r.Perm(len(chosen))
	for end := time.Now().Add(*duration); time.Now().Before(end); {
		for _, next := range order { // each fault once before any is repeated
			if !time.Now().Before(end) {
				break
			}
			time.Sleep(between(r, 0, time.Second))
			if len(chosen) > 1 && r.IntN(3) == 0 { // with a bad network
				w.cut(100)
			}
			chosen[next].inject(w, r)
			w.cut(0)
			counts[next]++
			total++
		}
		order = r.Perm(len(chosen))
	}
	text := fmt.Sprintf("%d faults", total)
	for i, f := range chosen {
		text += fmt.Sprintf("; %d × %s", counts[i], f.name)
	}
	return text
}

// observe waits until the queue is empty and reads everything from the database.
func (w *environment) observe() observed {
	w.t.Helper()
	for _, i := range w.instances {
		i.ensureRunning()
	}
	c, err := client.New(client.Options{URL: "http://" + w.instances[0].addr, Concurrency: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	defer c.Close()
	o := observed{rows: map[event.Key]int{}}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(200 * time.Millisecond) {
		totals, err := c.Totals(w.t.Context())
		if err == nil && (totals.Queued != nil || w.queue == nil) {
			o.received, o.unique, o.duplicates = totals.Received, totals.Stored, totals.Duplicates
			if w.queue == nil {
				break
			}
			if o.queued, o.dead = *totals.Queued, *totals.DeadLetters; o.queued == 0 {
				break
			}
		}
		if time.Now().After(deadline) {
			w.t.Logf("the queue is not empty: %+v, %v", totals, err)
			break
		}
	}
	query := client.EventsQuery{Limit: 1000}
	for {
		page, err := c.Events(w.t.Context(), query)
		if store.Temporary(err) {
			time.Sleep(100 * time.Millisecond)
			continue
		}
		if err != nil {
			w.t.Fatal(err)
		}
		for _, record := range page.Records {
			o.rows[record.Key()]++
		}
		if page.Next == "" {
			return o
		}
		query.Cursor = page.Next
	}
}
