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

// followed is a load whose server has followers of its event stream.
type followed struct {
	load

	followers int
	// latency makes it about how long after its answer an event reaches the
	// first of the followers, and not about the answers.
	latency bool
}

// setUp makes the trial, with all followers connected.
func (c followed) setUp(ctx context.Context, l *lab) (trial, error) {
	made, err := c.load.setUp(ctx, l)
	if err != nil {
		return nil, err
	}
	t := &followedTrial{loadTrial: made.(*loadTrial)} //nolint:forcetypeassert // a load makes no other
	for i := range c.followers {
		read := discard
		if c.latency && i == 0 {
			t.delays = &delays{next: t.appender, moments: map[string]time.Time{}}
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
	delays    *delays // nil unless the case is about them
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

// follower is a connection with an event stream on it, read by a goroutine of
// its own. It does no more than it must, to leave the processor to the server.
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
	begun := bufio.NewReaderSize(conn, 4<<10)
	if _, err = fmt.Fprintf(conn, "GET /events/stream HTTP/1.1\r\nHost: %s\r\n\r\n", host); err == nil {
		err = expect(begun, "HTTP/1.1 200 ")
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("follow: %w", err), conn.Close())
	}
	go func() {
		defer close(f.ended)
		read(io.TeeReader(begun, counter{&f.bytes}))
	}()
	return f, nil
}

func (f *follower) close() {
	_ = f.conn.Close()
	<-f.ended
}

// expect reads a line that must begin so.
func expect(from *bufio.Reader, begin string) error {
	line, err := from.ReadString('\n')
	if err == nil && !strings.HasPrefix(line, begin) {
		err = fmt.Errorf("answered %s", strings.TrimSpace(line))
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

// delays measures how long after its answer each event reaches a follower. What
// comes before the answer has been read counts as no delay.
type delays struct {
	next store.Appender

	mu      sync.Mutex
	moments map[string]time.Time // when an event was answered, or came, whichever was first
	all     []time.Duration
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
		if _, came := d.moments[events[i].ID]; came {
			delete(d.moments, events[i].ID)
			d.all = append(d.all, 0)
			continue
		}
		d.moments[events[i].ID] = now
	}
	return outcomes, err
}

// read notes when events come.
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
		d.came(string(id))
	}
}

func (d *delays) came(id string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	answered, ok := d.moments[id]
	if !ok {
		d.moments[id] = now
		return
	}
	delete(d.moments, id)
	d.all = append(d.all, now.Sub(answered))
}

// quantiles tells of the run that has ended, and forgets it.
func (d *delays) quantiles() (p50, p99 time.Duration, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.all) == 0 {
		return 0, 0, errors.New("no event has come")
	}
	slices.Sort(d.all)
	p50, p99 = d.all[len(d.all)/2], d.all[len(d.all)*99/100]
	d.all = nil
	return p50, p99, nil
}
