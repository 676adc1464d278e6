package cmd_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// senders is the number of concurrent senders.
const senders = 8

// load is senders that send each event until it is acknowledged.
type load struct {
	f       *failoverStage
	acked   atomic.Int64
	stop    context.CancelFunc
	running sync.WaitGroup

	mu  sync.Mutex
	ids []string
}

// startLoad starts senders. Each ends with an acknowledged event.
func startLoad(f *failoverStage) *load {
	ctx, stop := context.WithCancel(f.t.Context())
	l := &load{f: f, stop: stop}
	for sender := range senders {
		l.running.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				l.sendOne(fmt.Sprintf("%d-%d", sender, i))
			}
		})
	}
	return l
}

// sendOne sends one event until it is acknowledged, or the test ends.
func (l *load) sendOne(id string) {
	body := `{"topic":"t","event_id":"` + id + `","timestamp":"2025-12-19","source":"s","payload":{}}`
	for l.f.t.Context().Err() == nil {
		response, err := http.Post("http://"+l.f.addr+api.PathPublish, api.TypeJSON, strings.NewReader(body))
		if err != nil {
			continue
		}
		_, _ = io.Copy(io.Discard, response.Body)
		_ = response.Body.Close()
		if response.StatusCode == http.StatusOK {
			l.acknowledge(id)
			return
		}
	}
}

func (l *load) acknowledge(id string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ids = append(l.ids, id)
	l.acked.Add(1)
}

// reaches waits until n more events are acknowledged.
func (l *load) reaches(what string, n int64) {
	l.f.t.Helper()
	want := l.acked.Load() + n
	l.f.until(what, func() bool { return l.acked.Load() >= want })
}

// makeSynchronous makes each COMMIT wait for the standby.
func (f *failoverStage) makeSynchronous(t *testing.T) {
	t.Helper()
	execAt(t, f.primary, "ALTER SYSTEM SET synchronous_standby_names = '*'",
		"ALTER SYSTEM SET wal_keep_size = '64MB'", // pg_rewind needs the log since the last common checkpoint
		"SELECT pg_reload_conf()")
	f.awaitStandby(t, "sync_state = 'sync' AND state = 'streaming'")
}

// awaitStandby waits until the primary's view of its standby fulfils a condition.
func (f *failoverStage) awaitStandby(t *testing.T, condition string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), f.primary.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	for holds := false; !holds; {
		if err := conn.QueryRow(t.Context(), "SELECT EXISTS (SELECT FROM pg_stat_replication WHERE "+condition+")").Scan(&holds); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFailover_SynchronousLosesNothing kills the primary under load. The standby takes
// over, and has every acknowledged event once. The old primary joins it as a standby, and
// takes over in its turn.
func TestFailover_SynchronousLosesNothing(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]func(f *failoverStage) string{
		"one address that moves": func(f *failoverStage) string { return f.flip.listener.Addr().String() },
		"several hosts":          func(f *failoverStage) string { return hostOf(t, f.primary) + "," + hostOf(t, f.standby) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := prepareFailover(t)
			f.makeSynchronous(t)
			f.serveAt(t, address(f), "")
			l := startLoad(f)
			l.reaches("before the failover", 100)
			f.failsOver(t, l)
			f.primary.Rejoin(f.standby)
			f.primary, f.standby = f.standby, f.primary
			f.makeSynchronous(t)
			f.failsOver(t, l)
			l.stop()
			l.running.Wait()
			f.until("the counters are those of the acknowledged events", func() bool {
				stats, ok := f.stats()
				return ok && stats.Stored == int64(len(l.ids))
			})
			for _, id := range l.ids {
				if got := f.send(id); got != "200 ignored" {
					t.Fatalf("%s again: %s", id, got)
				}
			}
		})
	}
}

// failsOver kills the primary and promotes the standby.
func (f *failoverStage) failsOver(t *testing.T, l *load) {
	t.Helper()
	f.primary.Stop(testdb.Immediate)
	f.flip.lead(hostOf(t, f.standby))
	f.flip.cut()
	f.standby.Promote()
	promoted := time.Now()
	l.reaches("the first event after the promotion", senders+1) // of each sender, one may have been under way
	if took := time.Since(promoted); took > recoveryTime {
		t.Errorf("the first events were stored %v after the promotion", took)
	} else {
		t.Logf("the first events were stored %v after the promotion", took)
	}
	l.reaches("after the failover", 100)
}

// TestFailover_AsynchronousRefusesLostCursors promotes a standby that lacks the last
// events. Their cursors are refused: a follower that continued would miss the events
// that took their places.
func TestFailover_AsynchronousRefusesLostCursors(t *testing.T) {
	t.Parallel()
	f := newFailoverStage(t, "")
	f.recovers("start")
	kept := f.newestCursor()
	f.awaitStandby(t, "replay_lsn = pg_current_wal_lsn()")
	f.standby.Stop(testdb.Fast)
	if got := f.send("lost"); got != "200 success" {
		t.Fatalf("an event before the failover: %s", got)
	}
	lost := f.newestCursor()
	f.primary.Stop(testdb.Immediate)
	f.standby.Start()
	f.standby.Promote()
	f.flip.lead(hostOf(t, f.standby))
	f.flip.cut()
	f.until("the lost event is stored again", func() bool { return f.send("lost") == "200 success" })

	var status int
	f.until("reads lead to the new primary", func() bool {
		status, _ = f.follow(lost)
		return status != http.StatusServiceUnavailable
	})
	if status != http.StatusBadRequest && status != http.StatusUnprocessableEntity && status != http.StatusGone {
		t.Errorf("a cursor into lost data: status %d", status)
	}
	if status, cursor := f.follow(kept); status != http.StatusOK || cursor == lost {
		t.Errorf("a cursor into kept data: status %d, next cursor %s", status, cursor)
	}
}

// newestCursor returns the cursor of the newest event.
func (f *failoverStage) newestCursor() string {
	f.t.Helper()
	status, cursor := f.follow("", "limit=1")
	if status != http.StatusOK {
		f.t.Fatalf("the stream: status %d", status)
	}
	return cursor
}

// follow opens the stream after a cursor, and returns the status and the cursor of its
// first event.
func (f *failoverStage) follow(cursor string, query ...string) (status int, next string) {
	f.t.Helper()
	request, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, "http://"+f.addr+api.PathStream+"?"+strings.Join(query, "&"), http.NoBody)
	if err != nil {
		f.t.Fatal(err)
	}
	request.Header.Set("Last-Event-ID", cursor)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return response.StatusCode, ""
	}
	for lines, event := bufio.NewScanner(response.Body), false; lines.Scan(); {
		if id, found := strings.CutPrefix(lines.Text(), "id: "); found {
			next = id
		}
		event = event || strings.HasPrefix(lines.Text(), "data:")
		if event && lines.Text() == "" {
			return response.StatusCode, next
		}
	}
	f.t.Fatal("the stream ended without an event")
	return 0, ""
}
