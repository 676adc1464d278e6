package cmd_test

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/testdb"
)

// The number of events of TestStream_ShowsEveryEventOnceInOneOrder. The variable
// overrides it for a long run.
const (
	streamEvents   = 8_000
	streamVariable = "EVENTAGG_TEST_STREAM_EVENTS"
)

func streamCount(t *testing.T) int {
	t.Helper()
	text := os.Getenv(streamVariable)
	if text == "" {
		return streamEvents
	}
	count, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("%s: %v", streamVariable, err)
	}
	return count
}

// Two instances store events at the same time, and followers read from both. One
// follower changes the instance five times a second.
func TestStream_ShowsEveryEventOnceInOneOrder(t *testing.T) {
	t.Parallel()
	count := streamCount(t)
	database := testdb.Postgres(t)
	stages := []*stage{newStage(t, database), newStage(t, database)}
	for _, s := range stages {
		s.serve()
	}
	followers := []*follower{
		{at: stages[:1]}, {at: stages[1:]}, {at: stages[1:], query: "?limit=1000"}, {at: stages, hop: 200 * time.Millisecond},
	}
	for _, f := range followers {
		f.want = make(chan int, 1)
	}
	ctx, cancel := context.WithTimeout(t.Context(), faultTimeout+time.Duration(count)*time.Millisecond)
	defer cancel()
	following, ready := errgroup.Group{}, make(chan struct{}, len(followers))
	for _, f := range followers {
		following.Go(func() error { return f.run(ctx, count, ready) })
	}
	for range followers {
		select {
		case <-ready:
		case <-ctx.Done():
			t.Fatal(following.Wait())
		}
	}
	var publishing errgroup.Group
	for i, s := range stages {
		half := strconv.Itoa(count / len(stages) * 10 / 7) // seven tenths of them are distinct
		publishing.Go(func() error {
			return publishQuietly(ctx, s, "--count", half, "--batch-size", []string{"1", "20"}[i], "--dup-rate", "0.3")
		})
	}
	if err := publishing.Wait(); err != nil {
		t.Fatal(err)
	}
	stats, ok := stages[0].stats()
	if !ok || stats.Stored < int64(count)-2 || stats.Stored > int64(count)+2 {
		t.Fatalf("%d events are stored, want about %d", stats.Stored, count)
	}
	for _, f := range followers {
		f.enough(int(stats.Stored))
	}
	if err := following.Wait(); err != nil {
		t.Fatal(err)
	}
	for i, f := range followers {
		once := slices.Compact(slices.Sorted(slices.Values(f.seen)))
		if len(once) != int(stats.Stored) || len(f.seen) != len(once) || !slices.Equal(f.seen, followers[0].seen) {
			t.Errorf("follower %d read %d events, %d different ones, of %d, in the order of the first: %t",
				i, len(f.seen), len(once), stats.Stored, slices.Equal(f.seen, followers[0].seen))
		}
	}
	t.Logf("%d events, %d connections of the hopping follower", stats.Stored, followers[3].connections)
}

func publishQuietly(ctx context.Context, s *stage, args ...string) error {
	output, err := exec.CommandContext(ctx, "eventagg", append([]string{"publish", "--url", "http://" + s.addr}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("publish: %w: %s", err, output)
	}
	return nil
}

// follower reads event streams and records the keys.
type follower struct {
	at    []*stage // to follow in turn
	hop   time.Duration
	query string

	want        chan int // has a value once all are stored
	seen        []string
	last        string
	connections int
}

// enough sets the number of events to read.
func (f *follower) enough(n int) { f.want <- n }

// run follows until it has read the number of events that enough sets. It sends on
// ready when it knows its first position: from then on it can't miss an event.
func (f *follower) run(ctx context.Context, count int, ready chan<- struct{}) error {
	f.seen = make([]string, 0, count)
	located := sync.OnceFunc(func() { ready <- struct{}{} })
	for want := -1; want < 0 || len(f.seen) < want; {
		if err := f.follow(ctx, want, located); err != nil {
			return err
		}
		if want < 0 {
			select {
			case want = <-f.want:
			default:
			}
		}
	}
	return nil
}

// errHop ends a connection of a follower in time.
var errHop = errors.New("the time of the hop is over")

// follow reads one connection for the time of a hop, or 5 seconds. The time starts
// when the follower has a position, and located is called then: a hop before that would
// miss events.
func (f *follower) follow(parent context.Context, want int, located func()) error {
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	hopLater := sync.OnceFunc(func() {
		time.AfterFunc(cmp.Or(f.hop, 5*time.Second), func() { cancel(errHop) })
	})
	if f.last != "" {
		hopLater()
	}
	at := f.at[f.connections%len(f.at)]
	f.connections++
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+at.addr+"/events/stream"+f.query, http.NoBody)
	if err != nil {
		return err
	}
	if f.last != "" {
		request.Header.Set("Last-Event-ID", f.last)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return orHop(ctx, err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("follow: %s", response.Status)
	}
	id, lines := "", bufio.NewReaderSize(response.Body, 1<<20)
	for want < 0 || len(f.seen) < want {
		line, err := lines.ReadString('\n')
		if err != nil {
			return orHop(ctx, err)
		}
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch name {
		case "id":
			id = value
		case "data":
			var e struct {
				Topic string `json:"topic"`
				ID    string `json:"event_id"`
			}
			if err := json.Unmarshal([]byte(value), &e); err != nil {
				return err
			}
			f.seen = append(f.seen, e.Topic+" "+e.ID)
			f.last = id
		case "": // the end of a message: its ID counts, also without data
			if id != "" {
				f.last = id
				located()
				hopLater()
			}
		}
	}
	return nil
}

// orHop returns err, unless the time of the hop is over.
func orHop(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), errHop) {
		return nil
	}
	return err
}

func TestStream_EndsCleanlyAfterSIGTERM(t *testing.T) {
	t.Parallel()
	s := newStage(t, "sqlite:"+filepath.Join(t.TempDir(), "events.db"))
	s.serve()
	f, ready, ended := &follower{at: []*stage{s}}, make(chan struct{}, 1), make(chan error, 1)
	go func() { ended <- f.follow(t.Context(), -1, func() { ready <- struct{}{} }) }()
	<-ready
	begin := time.Now()
	if code := s.end(syscall.SIGTERM); code != 0 || time.Since(begin) > 4*time.Second {
		t.Errorf("exited with %d after %v", code, time.Since(begin))
	}
	if err := <-ended; !errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the stream ended with %v, not as a complete response", err)
	}
}
