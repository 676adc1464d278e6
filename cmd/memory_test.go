//go:build linux

package cmd_test

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/config"
)

// The flood of TestFloodOfLargeBodiesStaysWithinItsBounds.
const (
	// floodConnections is how many send at once. The aim is 2,000; these are
	// enough to bring ten times of what the server may hold, and take a second
	// or two on a small machine.
	floodConnections = 400
	// floodBody is what each of them announces, and floodPart what it sends of
	// that. floodPart does not fit into the kernel's buffers, whose size on this
	// side is floodBuffer: once it is sent, the server has read of it.
	floodBody   = 15 << 20
	floodPart   = 4 << 20
	floodBuffer = 128 << 10
	// floodBase is what the program takes by itself, under the race detector
	// as well, and floodConnection what a connection may cost.
	floodBase       = 64 << 20
	floodConnection = 64 << 10
)

// flooded is what became of one connection. Without an answer or an error the
// server has taken what was sent and waits for the rest.
type flooded struct {
	conn       net.Conn
	status     int
	retryAfter string
	err        error
}

// TestFloodOfLargeBodiesStaysWithinItsBounds sends more than the server may hold
// and looks at what its process took at most, which Linux tells in /proc.
func TestFloodOfLargeBodiesStaysWithinItsBounds(t *testing.T) {
	t.Parallel()
	c := config.Default()
	bound := c.HTTP.MaxBufferedBytes + int64(c.Ingest.MaxPendingBytes) + floodBase + floodConnections*floodConnection
	s := newStage(t, "sqlite:"+filepath.Join(t.TempDir(), "events.db"))
	s.serve("--http-read-timeout", faultTimeout.String()) // nobody is cut off before all have begun
	before := s.peak()
	held, refused := 0, 0
	for _, f := range s.flood(bound) {
		switch {
		case f.err != nil:
			t.Fatalf("a connection broke off without an answer: %v", f.err)
		case f.status == 0:
			held++
		case f.status != http.StatusServiceUnavailable || f.retryAfter == "":
			t.Fatalf("a connection was answered %d, Retry-After: %q", f.status, f.retryAfter)
		default:
			refused++
		}
	}
	if held == 0 || refused == 0 {
		t.Errorf("%d connections are held and %d were refused, want some of both", held, refused)
	}
	answer, err := http.Post("http://"+s.addr+api.PathPublish, api.TypeJSON, strings.NewReader(
		`{"topic":"t","event_id":"small","timestamp":"2025-12-19","source":"s","payload":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("a small event is answered %s meanwhile", answer.Status)
	}
	t.Logf("%d connections held, %d refused; %d MiB at most, %d before, bound %d", held, refused, s.peak()>>20, before>>20, bound>>20)
}

// peak is how many bytes of memory the server's process took at most so far.
func (s *stage) peak() int64 {
	s.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.server.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	_, line, _ := strings.Cut(string(status), "VmHWM:")
	var kib int64
	if _, err := fmt.Sscanf(line, "%d kB", &kib); err != nil {
		s.t.Fatalf("no VmHWM in\n%s", status)
	}
	return kib << 10
}

// flood opens the connections and returns when the server has refused or taken
// what each of them sends. A server that takes more than the bound is ended
// before it takes all of the machine.
func (s *stage) flood(bound int64) []flooded {
	s.t.Helper()
	start := `[{"topic":"t","event_id":"large","timestamp":"2025-12-19","source":"s","payload":{"x":"`
	part := append([]byte(start), bytes.Repeat([]byte("x"), floodPart-len(start))...)
	connections := make([]flooded, floodConnections)
	settled := make(chan struct{})
	var senders, readers sync.WaitGroup
	for i := range connections {
		senders.Go(func() { connections[i] = s.send(part, &readers) })
	}
	go func() {
		defer close(settled)
		senders.Wait()
	}()
	s.t.Cleanup(func() {
		<-settled
		for _, f := range connections {
			if f.conn != nil {
				_ = f.conn.Close()
			}
		}
		readers.Wait()
	})
	s.until("all have sent", func() bool {
		if peak := s.peak(); peak > bound {
			s.end(syscall.SIGKILL)
			s.t.Fatalf("the server took %d MiB, its bounds come to %d", peak>>20, bound>>20)
		}
		select {
		case <-settled:
			return true
		default:
			return false
		}
	})
	if peak := s.peak(); peak > bound {
		s.t.Errorf("the server took %d MiB, its bounds come to %d", peak>>20, bound>>20)
	}
	return connections
}

// send announces a body and sends the part of it, or less when it is answered
// before that.
func (s *stage) send(part []byte, readers *sync.WaitGroup) flooded {
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		return flooded{err: err}
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := tcp.SetWriteBuffer(floodBuffer); err != nil {
			return flooded{conn: conn, err: err}
		}
	}
	answered := make(chan flooded, 1)
	readers.Go(func() {
		f := flooded{conn: conn}
		answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			f.status, f.retryAfter = answer.StatusCode, answer.Header.Get("Retry-After")
			_ = answer.Body.Close()
		}
		f.err = err
		_ = conn.SetWriteDeadline(time.Now()) // nobody reads the rest
		answered <- f
	})
	_, errHead := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: eventagg\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", api.PathPublish, api.TypeJSON, floodBody)
	_, errPart := conn.Write(part)
	if errHead != nil || errPart != nil {
		return <-answered
	}
	return flooded{conn: conn}
}
