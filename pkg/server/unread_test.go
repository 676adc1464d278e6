package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// fillLarge stores n events of the topic "large" with a megabyte each.
func (m *memory) fillLarge(n int) *memory {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range n {
		m.add(event.Event{
			Topic: "large", ID: fmt.Sprint("e", i), Timestamp: noon(), Source: "s",
			Payload: `{"x":"` + strings.Repeat("x", 1<<20) + `"}`,
		})
	}
	return m
}

// request sends a GET on a connection of its own and reads the status line only.
func request(t *testing.T, address, target string) (*bufio.Reader, string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(16 << 10)
	}
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n", target); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReaderSize(conn, 64) // the rest of the response stays unread
	status, err := reader.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return reader, strings.TrimSpace(status)
}

// TestReads_ThatAreNotReadAreBounded: clients that request pages of large events and
// don't read them get memory up to the limit. Further ones get 503, and small
// responses are not affected.
func TestReads_ThatAreNotReadAreBounded(t *testing.T) {
	t.Parallel()
	const limit, page, clients = 64 << 20, 16, 30 // pages of 16 MiB, more than a socket buffers
	m := new(memory).fill(10).fillLarge(page)
	s := serverWith(m, func(o *Options) { o.MaxReadBytes = limit })
	address := listen(t, s)
	served, refused := 0, 0
	for range clients {
		reader, status := request(t, address, "/events?limit=1000&topic=large")
		switch status {
		case "HTTP/1.1 200 OK":
			served++
		case "HTTP/1.1 503 Service Unavailable":
			refused++
			text, err := io.ReadAll(reader)
			if err != nil || !strings.Contains(string(text), "Retry-After: ") || !strings.Contains(string(text), "http.max_read_bytes") {
				t.Fatalf("got %s, %v", text, err)
			}
		default:
			t.Fatalf("status %q", status)
		}
		if used := s.query.BufferedBytes(); used > limit {
			t.Fatalf("%d bytes are in use", used)
		}
	}
	if served == 0 || refused == 0 || served+refused != clients {
		t.Errorf("%d got a page, %d got 503", served, refused)
	}
	for _, target := range []string{"/events?limit=10&topic=t1", "/events/t1/e1", "/stats/topics", "/stats/series"} {
		if _, status := request(t, address, target); status != "HTTP/1.1 200 OK" {
			t.Errorf("%s beside them: %s", target, status)
		}
	}
}

// TestReads_FreeTheirMemory: a client that reads late still gets the whole page, and
// the memory is free afterwards.
func TestReads_FreeTheirMemory(t *testing.T) {
	t.Parallel()
	m := new(memory).fillLarge(16)
	s := serverWith(m)
	address := listen(t, s)
	client := newHTTP(t)
	response, err := client.Get("http://" + address + "/events?limit=1000")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	if s.query.BufferedBytes() == 0 {
		t.Error("a page that is not read costs nothing")
	}
	var events []json.RawMessage
	if err := json.NewDecoder(response.Body).Decode(&events); err != nil || len(events) != 16 {
		t.Errorf("%d events: %v", len(events), err)
	}
	_, _ = io.Copy(io.Discard, response.Body)
	if used := s.query.BufferedBytes(); used != 0 {
		t.Errorf("%d bytes are in use after the response", used)
	}
}

// countedReads counts the events that are read of a store.
type countedReads struct {
	*memory

	read atomic.Int64
}

func (c *countedReads) Older(ctx context.Context, f store.Filter, before store.Position, limit int) ([]store.Record, bool, error) {
	records, more, err := c.memory.Older(ctx, f, before, limit)
	c.read.Add(int64(len(records)))
	return records, more, err
}

// TestReads_ThatAreRefusedReadLittle: a page for which there is no memory is not read.
func TestReads_ThatAreRefusedReadLittle(t *testing.T) {
	t.Parallel()
	m := &countedReads{memory: new(memory).fillLarge(16)}
	s := serverWith(m.memory, func(o *Options) { o.MaxReadBytes, o.Store = 32<<20, m })
	address := listen(t, s)
	refused := 0
	for range 20 {
		if _, status := request(t, address, "/events?limit=1000"); status == "HTTP/1.1 503 Service Unavailable" {
			refused++
		}
	}
	if read := m.read.Load(); refused < 15 || read > 16*int64(20-refused)+int64(refused) {
		t.Errorf("%d requests were refused, and %d events read", refused, read)
	}
}
