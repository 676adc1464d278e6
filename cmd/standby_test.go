package cmd_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// recoveryTime is the maximum time from the end of a cause to the next stored event.
const recoveryTime = 5 * time.Second

// flip is a TCP proxy: an address whose target changes, as that of a managed database.
type flip struct {
	listener net.Listener

	mu     sync.Mutex
	target string
	open   map[net.Conn]bool
}

func newFlip(t *testing.T, target string) *flip {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &flip{listener: listener, target: target, open: map[net.Conn]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { f.forward(client) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		f.cut()
		running.Wait()
	})
	return f
}

// forward copies both directions until one side closes.
func (f *flip) forward(client net.Conn) {
	f.mu.Lock()
	server, err := net.Dial("tcp", f.target)
	if err == nil {
		f.open[client], f.open[server] = true, true
	}
	f.mu.Unlock()
	if err != nil {
		_ = client.Close()
		return
	}
	var both sync.WaitGroup
	for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			_, _ = io.Copy(pair[0], pair[1])
			_ = client.Close()
			_ = server.Close()
		})
	}
	both.Wait()
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, client)
	delete(f.open, server)
}

// lead makes new connections lead to another server. Open ones stay.
func (f *flip) lead(target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = target
}

// cut closes the open connections.
func (f *flip) cut() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for conn := range f.open {
		_ = conn.Close()
	}
}

// failoverStage is a server whose database address is that of a flip. Its role has only
// the rights that serving needs.
type failoverStage struct {
	*stage

	flip             *flip
	primary, standby *testdb.Server
	sent             map[string]bool // event_id of acknowledged events
}

func newFailoverStage(t *testing.T, parameters string, args ...string) *failoverStage {
	t.Helper()
	f := prepareFailover(t)
	f.serveAt(t, f.flip.listener.Addr().String(), parameters, args...)
	return f
}

// prepareFailover starts the database and its standby.
func prepareFailover(t *testing.T) *failoverStage {
	t.Helper()
	primary := testdb.StartPostgres(t, testdb.PostgresOptions{})
	if out, err := exec.Command("eventagg", "migrate", "--database-url", primary.URL()).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	execAt(t, primary, "CREATE ROLE app LOGIN PASSWORD 'secret'", "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO app",
		"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO app")
	return &failoverStage{primary: primary, standby: testdb.StartStandby(t, primary), flip: newFlip(t, hostOf(t, primary)), sent: map[string]bool{}}
}

// serveAt starts the server with a database at one address, or at several, with commas.
func (f *failoverStage) serveAt(t *testing.T, host, parameters string, args ...string) {
	t.Helper()
	address := url.URL{Scheme: "postgres", User: url.UserPassword("app", "secret"), Host: host, Path: "eventagg", RawQuery: "sslmode=disable" + parameters}
	f.stage = newStage(t, address.String())
	f.serve(append([]string{"--migrate=false"}, args...)...)
}

func hostOf(t *testing.T, server *testdb.Server) string {
	t.Helper()
	address, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	return address.Host
}

func execAt(t *testing.T, server *testdb.Server, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server.URL())
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

// send publishes an event and returns status code and status: 200 success, for example.
func (f *failoverStage) send(id string) string {
	f.t.Helper()
	response, err := http.Post("http://"+f.addr+api.PathPublish, api.TypeJSON, strings.NewReader(
		`{"topic":"t","event_id":"`+id+`","timestamp":"2025-12-19","source":"s","payload":{}}`))
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var body struct {
		Status any `json:"status"`
	}
	if err := json.NewDecoder(response.Body).Decode(&body); err != nil {
		f.t.Fatal(err)
	}
	if response.StatusCode < 300 {
		f.sent[id] = true
	}
	return fmt.Sprint(response.StatusCode, " ", body.Status)
}

// fails waits until no event is stored.
func (f *failoverStage) fails(what string) {
	f.t.Helper()
	n := 0
	f.until(what+": appends fail", func() bool {
		n++
		return !strings.HasPrefix(f.send(fmt.Sprint(what, " fails ", n)), "200")
	})
}

// recovers waits until an event is stored.
func (f *failoverStage) recovers(what string) {
	f.t.Helper()
	begin, n := time.Now(), 0
	f.until(what+": appends work", func() bool {
		n++
		return f.send(fmt.Sprint(what, " ", n)) == "200 success"
	})
	if took := time.Since(begin); took > recoveryTime {
		f.t.Errorf("%s: recovery took %v", what, took)
	} else {
		f.t.Logf("%s: recovery took %v", what, took)
	}
}

// changesRights takes away what the role needs, and gives it back.
func (f *failoverStage) changesRights() {
	f.t.Helper()
	execAt(f.t, f.primary, "REVOKE INSERT ON events FROM app")
	f.fails("revoked")
	execAt(f.t, f.primary, "GRANT INSERT ON events TO app")
	f.recovers("granted")
	execAt(f.t, f.primary, "ALTER ROLE app SET default_transaction_read_only = on", "ALTER DATABASE eventagg SET default_transaction_read_only = on",
		"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'")
	f.recovers("read-only by default")
}

// TestServe_FollowsItsAddressToThePrimary has a primary and a standby that streams from
// it, behind one address.
func TestServe_FollowsItsAddressToThePrimary(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		parameters string // of the database URL
		queued     bool
	}{
		"without a queue":                    {},
		"with a queue":                       {queued: true},
		"sessions of a standby are accepted": {parameters: "&target_session_attrs=any"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var args []string
			if row.queued {
				broker, prefix := testdb.Redis(t)
				args = []string{"--broker-url", broker, "--broker-prefix", prefix, "--broker-allow-weak-durability"}
			}
			f := newFailoverStage(t, row.parameters, args...)
			f.recovers("start")

			f.flip.lead(hostOf(t, f.standby))
			f.flip.cut()
			f.fails("standby")
			f.flip.lead(hostOf(t, f.primary)) // sessions at the standby stay open
			f.recovers("primary again")

			if !row.queued { // the queue makes each recovery take four seconds, whatever the cause
				f.changesRights()
			}

			f.primary.Stop(testdb.Fast) // sends what it has to the standby
			f.fails("no primary")
			f.flip.lead(hostOf(t, f.standby))
			f.fails("not promoted")
			f.standby.Promote()
			f.recovers("promoted")

			f.until("the acknowledged events are stored", func() bool {
				stats, ok := f.stats()
				return ok && stats.Stored >= int64(len(f.sent))
			})
			for id := range f.sent {
				if got := f.send(id); got != "200 ignored" {
					t.Errorf("%s again: %s", id, got)
				}
			}
		})
	}
}
