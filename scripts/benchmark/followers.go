//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// followed is a load with followers of the event stream.
type followed struct {
	load

	followers int
	// latency measures the time from the response until the first follower has
	// the event, instead of response times.
	latency bool
}

// setUp creates the trial, with all followers connected.
func (c followed) setUp(ctx context.Context, l *lab) (trial, error) {
	created, err := c.load.setUp(ctx, l)
	if err != nil {
		return nil, err
	}
	t := &followedTrial{loadTrial: created.(*loadTrial)} //nolint:forcetypeassert // load.setUp returns no other type
	for i := range c.followers {
		read := discard
		if c.latency && i == 0 {
			t.delays = &delays{next: t.appender, times: map[string]time.Time{}}
			t.appender, read = t.delays, t.delays.read
		}
		f, err := follow(ctx, t.servers[0].url, read)
		if err != nil {
			return nil, errors.Join(err, t.close())
		}
		t.followers = append(t.followers, f)
	}
	return t, nil
}

type followedTrial struct {
	*loadTrial

	followers []*follower
	delays    *delays // nil if the case does not measure them
}

func (t *followedTrial) run(ctx context.Context, duration time.Duration) (measurement, error) {
	m, err := t.loadTrial.run(ctx, duration)
	if err != nil {
		return m, err
	}
	for i, f := range t.followers {
		if f.bytes.Load() < 1000 {
			return m, fmt.Errorf("follower %d has read nothing", i)
		}
	}
	if t.delays != nil {
		m.P50, m.P99, err = t.delays.quantiles()
	}
	return m, err
}

func (t *followedTrial) close() error {
	for _, f := range t.followers {
		f.close()
	}
	return t.loadTrial.close()
}

// follower reads an event stream in its own goroutine. It does as little as possible,
// because it shares the CPU with the server.
type follower struct {
	conn  net.Conn
	bytes atomic.Int64
	ended chan struct{}
}

func follow(ctx context.Context, url string, read func(io.Reader)) (*follower, error) {
	host := strings.TrimPrefix(url, "http://")
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	f := &follower{conn: conn, ended: make(chan struct{})}
	reader := bufio.NewReaderSize(conn, 4<<10)
	if _, err = fmt.Fprintf(conn, "GET /events/stream HTTP/1.1\r\nHost: %s\r\n\r\n", host); err == nil {
		err = expect(reader, "HTTP/1.1 200 ")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("follow: %w", err), conn.Close())
	}
	go func() {
		defer close(f.ended)
		read(io.TeeReader(reader, counter{&f.bytes}))
	}()
	return f, nil
}

func (f *follower) close() {
	_ = f.conn.Close()
	<-f.ended
}

// expect reads a line and checks its prefix.
func expect(from *bufio.Reader, begin string) error {
	line, err := from.ReadString('\n')
	if err == nil && !strings.HasPrefix(line, begin) {
		err = fmt.Errorf("unexpected response %s", strings.TrimSpace(line))
	}
	return err
}

// counter counts what is written to it.
type counter struct{ n *atomic.Int64 }

// Write counts the bytes.
func (c counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}

func discard(from io.Reader) {
	buffer := make([]byte, 64<<10)
	for {
		if _, err := from.Read(buffer); err != nil {
			return
		}
	}
}

// delays measures the time from the response to the sender until a follower has the
// event. An event that arrives before the response counts as no delay.
type delays struct {
	next store.Appender

	mu    sync.Mutex
	times map[string]time.Time // time of the response or of the arrival, if that is first
	all   []time.Duration
}

// Append implements [store.Appender].
func (d *delays) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	outcomes, err := d.next.Append(ctx, events)
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, outcome := range outcomes {
		if outcome != event.Stored {
			continue
		}
		if _, arrived := d.times[events[i].ID]; arrived {
			delete(d.times, events[i].ID)
			d.all = append(d.all, 0)
			continue
		}
		d.times[events[i].ID] = now
	}
	return outcomes, err
}

// read records the arrival of events.
func (d *delays) read(from io.Reader) {
	lines := bufio.NewReaderSize(from, 64<<10)
	for {
		line, err := lines.ReadSlice('\n')
		if err != nil {
			return
		}
		_, rest, found := bytes.Cut(line, []byte(`"event_id":"`))
		if !found {
			continue
		}
		id, _, _ := bytes.Cut(rest, []byte(`"`))
		d.arrived(string(id))
	}
}

func (d *delays) arrived(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	responded, ok := d.times[id]
	if !ok {
		d.times[id] = now
		return
	}
	delete(d.times, id)
	d.all = append(d.all, now.Sub(responded))
}

// quantiles returns the quantiles of the run and resets the delays.
func (d *delays) quantiles() (p50, p99 time.Duration, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) == 0 {
		return 0, 0, errors.New("no event has arrived")
	}
	slices.Sort(d.all)
	p50, p99 = d.all[len(d.all)/2], d.all[len(d.all)*99/100]
	d.all = nil
	return p50, p99, nil
}
