package powerloss_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/powerloss"
	"github.com/eventagg/eventagg/pkg/testdb"
)

var (
	seeds = flag.Uint64("powerloss.seeds", 1, "number of seeds of each set-up")
	first = flag.Uint64("powerloss.first", 1, "first seed")
)

// tornSeeds is the number of seeds with which a torn page is almost certain.
const tornSeeds = 20

// setup is a database on a disk.
type setup struct {
	name     string
	database func(t *testing.T, settings map[string]string) database
	settings map[string]string // of the server
	options  powerloss.Options
	loses    bool // the test must find lost events
	long     bool // not with a few seeds: it tests nearly the same as another one
	// torn means that the test must find torn pages. It needs checkpoints, and some seeds.
	torn bool
}

func setups() []setup {
	return []setup{
		{name: "SQLite", database: newSQLite},
		{name: "SQLite, only the fsync of a folder keeps names", database: newSQLite, options: powerloss.Options{StrictNames: true}, long: true},
		{name: "SQLite, fsync does nothing", database: newSQLite, options: powerloss.Options{IgnoreSync: true}, loses: true},
		{name: "SQLite behind a queue in Redis (202)", database: newQueue},
		{name: "SQLite behind a queue in Redis, fsync does nothing", database: newQueue, options: powerloss.Options{IgnoreSync: true}, loses: true},
		{name: "PostgreSQL", database: newPostgres},
		{name: "PostgreSQL, synchronous_commit=off", database: newPostgres, settings: map[string]string{"synchronous_commit": "off"}, long: true},
		{name: "PostgreSQL, fsync=off", database: newPostgres, settings: map[string]string{"fsync": "off"}, loses: true},
		{name: "PostgreSQL, full_page_writes=off", database: newPostgres, settings: map[string]string{"full_page_writes": "off"}, loses: true, torn: true},
		{name: "PostgreSQL, fsync does nothing", database: newPostgres, options: powerloss.Options{IgnoreSync: true}, loses: true, long: true},
	}
}

// database is a database whose files are in one folder.
type database struct {
	folder string
	url    string
	args   []string // further arguments of serve
	start  func() error
	stop   func()
	// checkpoint moves data from the log to the tables, again and again, until the
	// context ends or the power is cut.
	checkpoint func(ctx context.Context)
	// changes is the approximate number of changes of files until the power is cut.
	changes int
}

func newSQLite(t *testing.T, _ map[string]string) database {
	folder := testdb.Folder(t)
	return database{
		folder: folder, url: "sqlite:" + filepath.Join(folder, "events.db"),
		start: func() error { return nil }, stop: func() {}, changes: 4000,
		checkpoint: func(ctx context.Context) { checkpointSQLite(ctx, t, filepath.Join(folder, "events.db")) },
	}
}

// newQueue is a Redis in front of an SQLite file. Both lose power.
func newQueue(t *testing.T, settings map[string]string) database {
	server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true, Settings: settings})
	server.Stop(testdb.Fast)
	folder := server.DataFolder()
	return database{
		folder: folder, url: "sqlite:" + filepath.Join(folder, "events.db"),
		args:  []string{"--broker-url", server.URL(), "--broker-ack", "queued"},
		start: func() error { return startRedis(t, server) }, stop: func() { server.Stop(testdb.Immediate) }, changes: 300,
		checkpoint: func(ctx context.Context) { checkpointSQLite(ctx, t, filepath.Join(folder, "events.db")) },
	}
}

// startRedis starts a Redis after a power loss, as the guide says. It refuses a file whose
// end has its size and not its data; those commands were not acknowledged.
func startRedis(t *testing.T, server *testdb.Server) error {
	first := server.TryStart()
	if first == nil || !strings.Contains(first.Error(), "redis-check-aof --fix") {
		return first
	}
	manifest := filepath.Join(server.DataFolder(), "appendonlydir", "appendonly.aof.manifest")
	repair := exec.CommandContext(t.Context(), testdb.Program(t, "redis-check-aof"), "--fix", manifest)
	repair.Stdin = strings.NewReader("y\n")
	out, err := repair.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w; repair: %w: %s", first, err, out)
	}
	t.Log("Redis did not start before redis-check-aof --fix")
	return server.TryStart()
}

func newPostgres(t *testing.T, settings map[string]string) database {
	server := testdb.StartPostgres(t, testdb.PostgresOptions{Settings: settings})
	if out, err := eventagg(t.Context(), t, "migrate", "--database-url", server.URL()).CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v: %s", err, out)
	}
	server.Stop(testdb.Fast)
	return database{
		folder: server.DataFolder(), url: server.URL(),
		start: server.TryStart, stop: func() { server.Stop(testdb.Immediate) }, changes: 300,
		checkpoint: func(ctx context.Context) { checkpointPostgres(ctx, server.URL()) },
	}
}

// result is a line of the table.
type result struct {
	setup
	cuts, acknowledged int
	verdict            verdict
	unusable           int // runs after which the database did not start
}

// TestPowerLoss cuts the power while events are stored. Every acknowledged event is there
// afterwards. Without fsync some are missing: the test can find losses.
func TestPowerLoss(t *testing.T) {
	var mu sync.Mutex
	var results []result
	t.Run("cut", func(t *testing.T) {
		for _, s := range setups() {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				if (s.torn || s.long) && *seeds < tornSeeds {
					t.Skipf("skipped: runs with -powerloss.seeds %d", tornSeeds)
				}
				r := result{setup: s}
				d := s.database(t, s.settings)
				for seed := *first; seed < *first+*seeds; seed++ {
					r.run(t, d, seed)
				}
				r.check(t)
				mu.Lock()
				defer mu.Unlock()
				results = append(results, r)
			})
		}
	})
	var table strings.Builder
	for _, r := range results {
		fmt.Fprintf(&table, "| %s | %d | %d | %d | %d |\n", r.name, r.cuts, r.acknowledged, r.verdict.missing, r.unusable)
	}
	t.Logf("\n| set-up | cuts | acknowledged | missing | unusable |\n|---|---|---|---|---|\n%s", &table)
}

func (r *result) check(t *testing.T) {
	t.Helper()
	switch {
	case r.acknowledged == 0:
		t.Error("nothing was acknowledged, so nothing was proven")
	case r.loses && r.verdict.missing == 0:
		t.Error("no loss was found without fsync: the test can't find losses")
	case !r.loses && (r.verdict != verdict{} || r.unusable > 0):
		t.Errorf("a guarantee is violated: %v, not usable: %d", r.verdict, r.unusable)
	}
}

// run begins with the same files for each seed. It cuts the power a few times, or once if
// losses are expected, and judges after each cut.
func (r *result) run(t *testing.T, d database, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	next := func() powerloss.Options {
		options := r.options
		options.Seed = random.Uint64() | 1
		if seed%3 == 1 && !r.torn {
			options.Seed = 0
		}
		return options
	}
	disk := powerloss.New(next())
	if err := disk.Load(d.folder); err != nil {
		t.Fatal(err)
	}
	cuts := 2
	if r.loses || d.args != nil { // another instance takes events of the queue over after 10 s
		cuts = 1
	}
	l := newLedger()
	for range cuts {
		powered(t, d, disk, func() { r.send(t, d, disk, l, random) })
		disk = disk.Cut(next())
		r.cuts++
		powered(t, d, disk, func() { r.judge(t, d, disk, l, seed) })
		disk = disk.Cut(next())
	}
	r.acknowledged += len(l.acknowledged)
}

// powered mounts the disk for the time of a function, after which the database is stopped.
func powered(t *testing.T, d database, disk *powerloss.Disk, use func()) {
	t.Helper()
	mounted(t, d.folder, disk, func() {
		defer d.stop()
		use()
	})
}

// send sends events until the power is cut. Sometimes that is during the start.
func (r *result) send(t *testing.T, d database, disk *powerloss.Disk, l *ledger, random *rand.Rand) {
	t.Helper()
	if random.IntN(4) == 0 {
		disk.CutAfter(1 + random.IntN(300))
	}
	if err := d.start(); err != nil {
		failUnlessOff(t, disk, err)
		return
	}
	i := serve(t, d, disk)
	if i == nil {
		failUnlessOff(t, disk, errors.New("serve ended"))
		return
	}
	changes, checkpointing := d.changes, r.torn || random.IntN(2) == 0
	if checkpointing {
		changes *= 4
	}
	disk.CutAfter(changes/4 + random.IntN(changes))
	checkpoints, stop := context.WithCancel(t.Context())
	running := i.senders(l, random.Uint64(), disk.Off())
	if checkpointing {
		running.Go(func() { d.checkpoint(checkpoints) })
	}
	select {
	case <-disk.Off():
	case <-time.After(20 * time.Second):
		disk.CutAfter(1) // on a very slow machine
		<-disk.Off()
	}
	stop()
	i.kill()
	running.Wait()
}

func failUnlessOff(t *testing.T, disk *powerloss.Disk, err error) {
	t.Helper()
	select {
	case <-disk.Off():
	default:
		t.Fatalf("the power is on: %v", err)
	}
}

// judge compares the database after a power loss with the responses before.
func (r *result) judge(t *testing.T, d database, disk *powerloss.Disk, l *ledger, seed uint64) {
	t.Helper()
	err := d.start()
	var i *instance
	if err == nil {
		i = serve(t, d, disk)
	}
	if i == nil {
		if !r.loses {
			t.Logf("seed %d: unusable after the power loss: %v", seed, err)
		}
		r.unusable++
		r.verdict.missing += int64(len(l.acknowledged))
		return
	}
	defer i.kill()
	rows, stats, err := i.read()
	if err != nil && r.loses {
		r.unusable++
		r.verdict.missing += int64(len(l.acknowledged))
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	v := l.judge(rows, stats)
	if v != (verdict{}) && !r.loses {
		t.Errorf("seed %d: %v", seed, v)
	}
	r.verdict = r.verdict.plus(v)
	if r.loses {
		return
	}
	if out, err := eventagg(t.Context(), t, "verify", "--database-url", d.url).CombinedOutput(); err != nil {
		t.Errorf("seed %d: verify: %v\n%s", seed, err, out)
	}
}
