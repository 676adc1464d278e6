package chaostest

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
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
	duration = flag.Duration("chaos.for", 20*time.Second, "how long faults are injected")
	seed     = flag.Uint64("chaos.seed", 1, "decides events and faults; 0 draws one")
	only     = flag.String("chaos.only", "", "inject only faults whose name has this in it")
)

// asEventagg in the environment makes the test binary the program itself, race
// detector included.
const asEventagg = "CHAOSTEST_AS_EVENTAGG"

func TestMain(m *testing.M) {
	if os.Getenv(asEventagg) != "" {
		os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, "chaos"))
	}
	os.Exit(testdb.Main(m))
}

// world is everything that can break, and those who use it.
type world struct {
	t         *testing.T
	postgres  *testdb.Server
	redis     *testdb.Server
	clocks    map[*testdb.Server]*clock
	instances []*instance
	queue     queue.Queue
	senders   *senders
	sabotaged int
}

// TestChaos injects faults under load, one after the other and two at a time,
// and draws the verdict.
func TestChaos(t *testing.T) {
	if *seed == 0 {
		*seed = rand.Uint64()
	}
	w := newWorld(t)
	sending, stop := context.WithCancel(t.Context())
	defer stop()
	w.senders.start(sending, 12)
	injected := w.inject(rand.New(rand.NewPCG(*seed, 0)))
	stop()
	w.senders.running.Wait()
	seen := w.observe()
	t.Logf("seed %d: %s", *seed, injected)
	t.Logf("%d events sent, %d answered, %d stored, %d repeats counted, %d delivered again after their COMMIT",
		w.senders.ledger.attempts, w.senders.ledger.answered, seen.unique, seen.duplicates, w.sabotaged)
	v := w.senders.ledger.judge(seen)
	t.Logf("verdict: %v", v)
	if v != (verdict{}) {
		t.Errorf("eventagg did not keep its word: %v", v)
	}
	if seen.unique == 0 {
		t.Error("nothing was stored, so nothing was proved")
	}
}

func newWorld(t *testing.T) *world {
	postgresClock, redisClock := newClock(t), newClock(t)
	w := &world{t: t, postgres: testdb.StartPostgres(t, testdb.PostgresOptions{Environment: postgresClock.environment()}),
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
		// Short timeouts, so that what hangs is found out within the test.
		i := newInstance(t, "--database-url", w.postgres.URL(), "--broker-url", w.redis.URL(), "--ingest-flush-timeout", "2s")
		w.instances = append(w.instances, i)
		w.senders.proxies = append(w.senders.proxies, newProxy(t, i.addr))
	}
	for _, i := range w.instances {
		i.begin()
	}
	return w
}

// inject breaks one thing after the other until time is up, sometimes two at
// once, and tells how often each.
func (w *world) inject(r *rand.Rand) string {
	var chosen []fault
	for _, f := range faults() {
		if strings.Contains(f.name, *only) {
			chosen = append(chosen, f)
		}
	}
	if len(chosen) == 0 {
		w.t.Fatalf("no fault has %q in its name", *only)
	}
	counts, total := make([]int, len(chosen)), 0
	order := r.Perm(len(chosen))
	for end := time.Now().Add(*duration); time.Now().Before(end); {
		for _, place := range order { // each once before any comes again
			if !time.Now().Before(end) {
				break
			}
			time.Sleep(between(r, 0, time.Second))
			if len(chosen) > 1 && r.IntN(3) == 0 { // and a bad network on top
				w.cut(100)
			}
			chosen[place].inject(w, r)
			w.cut(0)
			counts[place]++
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

// observe waits until the queue is empty and reads everything back.
func (w *world) observe() observed {
	w.t.Helper()
	for _, i := range w.instances {
		i.begin()
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
			w.t.Logf("the queue is not empty in the end: %+v, %v", totals, err)
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
