package powerloss_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eventagg/eventagg/cmd"
	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/powerloss"
	"github.com/eventagg/eventagg/pkg/suitetest"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// asEventagg makes the test binary behave as eventagg: a power loss kills the process.
const asEventagg = "POWERLOSS_AS_EVENTAGG"

func TestMain(m *testing.M) {
	if os.Getenv(asEventagg) != "" {
		os.Exit(cmd.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, "powerloss"))
	}
	if path := os.Getenv(asCheckpointer); path != "" {
		os.Exit(checkpointForever(path))
	}
	os.Exit(testdb.Main(m))
}

// eventagg returns a command that is not started yet.
func eventagg(ctx context.Context, t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(ctx, program, args...)
	command.Env = append(os.Environ(), asEventagg+"=1", "EVENTAGG_LOG_LEVEL=warn")
	command.Dir = t.TempDir()
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // not longer than the tests
	return command
}

// instance is a process of serve.
type instance struct {
	t      *testing.T
	url    string
	exited chan struct{} // closed when the process has ended
	kill   func()        // kill -9, and waits for the end
}

// serve starts an instance and waits until it is ready. It returns nil if the power is cut
// meanwhile, or if the process ends, as it does with a damaged database.
func serve(t *testing.T, d database, disk *powerloss.Disk) *instance {
	t.Helper()
	address := testdb.FreeAddress(t)
	ctx, cancel := context.WithCancel(t.Context())
	args := append([]string{"serve", "--http-addr", address, "--database-url", d.url, "--ingest-flush-timeout", "2s"}, d.args...)
	command := eventagg(ctx, t, args...)
	output := new(bytes.Buffer)
	command.Stdout, command.Stderr = output, output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	i := &instance{t: t, url: "http://" + address, exited: make(chan struct{})}
	i.kill = func() { cancel(); <-i.exited }
	go func() {
		defer close(i.exited)
		_ = command.Wait()
	}()
	t.Cleanup(func() {
		i.kill()
		if t.Failed() {
			t.Logf("serve wrote: %s", output)
		}
	})
	if !i.ready(disk.Off()) {
		i.kill()
		return nil
	}
	return i
}

func (i *instance) ready(off <-chan struct{}) bool {
	probe := http.Client{Timeout: time.Second}
	defer probe.CloseIdleConnections()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		if response, err := probe.Get(i.url + api.PathReadyz); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return true
			}
		}
		select {
		case <-i.exited:
			return false
		case <-off:
			return false
		case <-tick.C:
		}
	}
}

// read returns how often each key is stored, and the counters, when no event is queued.
func (i *instance) read() (map[event.Key]int, api.Stats, error) {
	i.t.Helper()
	stats, err := i.stats()
	suitetest.Eventually(i.t, "the queue is empty", func() bool {
		if err == nil && stats.Queued != nil && *stats.Queued > 0 {
			stats, err = i.stats()
			return false
		}
		return true
	})
	if err == nil {
		stats, err = i.stats() // the totals above may be from before the last event left the queue
	}
	if err != nil {
		return nil, stats, err
	}
	out, err := eventagg(i.t.Context(), i.t, "export", "--url", i.url).Output()
	if err != nil {
		return nil, stats, fmt.Errorf("export: %w", err)
	}
	rows := map[event.Key]int{}
	for line := range bytes.Lines(out) {
		var stored struct {
			Topic string `json:"topic"`
			ID    string `json:"event_id"`
		}
		if err := json.Unmarshal(line, &stored); err != nil {
			return nil, stats, fmt.Errorf("export: %w: %s", err, line)
		}
		rows[event.Key{Topic: stored.Topic, ID: stored.ID}]++
	}
	return rows, stats, nil
}

func (i *instance) stats() (stats api.Stats, err error) {
	response, err := http.Get(i.url + api.PathStats)
	if err != nil {
		return stats, err
	}
	defer func() { _ = response.Body.Close() }()
	err = json.NewDecoder(response.Body).Decode(&stats)
	return stats, err
}

// senders send events until off is closed, each until it gets a response.
func (i *instance) senders(l *ledger, seed uint64, off <-chan struct{}) *sync.WaitGroup {
	const count = 8
	running := new(sync.WaitGroup)
	for number := range count {
		running.Go(func() {
			c, err := client.New(client.Options{URL: i.url, Timeout: 2 * time.Second})
			if err != nil {
				i.t.Error(err)
				return
			}
			random := rand.New(rand.NewPCG(seed, uint64(number)))
			for batch := newBatch(random); ; {
				l.recordSent(batch)
				outcomes, err := c.Append(i.t.Context(), batch)
				if err == nil {
					l.recordOutcomes(batch, outcomes)
					batch = newBatch(random)
				}
				select {
				case <-off:
					return
				case <-i.t.Context().Done():
					return
				default:
				}
			}
		})
	}
	return running
}

// newBatch returns up to 20 events. Many keys are repeated, by other senders, too.
func newBatch(random *rand.Rand) []event.Event {
	events := make([]event.Event, 1+random.IntN(20))
	for i := range events {
		number := random.IntN(100_000)
		if random.IntN(3) == 0 {
			number %= 1000
		}
		events[i] = event.Event{
			Topic: fmt.Sprintf("topic-%d", number%5), ID: fmt.Sprint(number), Timestamp: time.Unix(int64(number), 0).UTC(),
			Source: "powerloss", Payload: fmt.Sprintf(`{"number":%d}`, number),
		}
	}
	return events
}
