//go:build linux

package cmd_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
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

// The flood of TestServe_LimitsMemoryForLargeBodies.
const (
	// floodConnections is the number of concurrent senders. They send ten times the
	// memory that the server may use, which takes a second or two on a small machine.
	floodConnections = 400
	// floodBody is the declared length of each body, and floodPart the part that is
	// sent. floodPart does not fit into the kernel's buffers, whose size on this side
	// is floodBuffer: when it is sent, the server has read some of it.
	floodBody   = 15 << 20
	floodPart   = 4 << 20
	floodBuffer = 128 << 10
	// floodBase is the memory of the program itself, and floodConnection the maximum
	// memory of a connection.
	floodBase       = 64 << 20
	floodConnection = 64 << 10
)

// flooded is the result of one connection. Without a status and an error, the server
// has read what was sent and waits for the rest.
type flooded struct {
	conn       net.Conn
	status     int
	retryAfter string
	body       []byte
	err        error
}

// The test sends more than the server may buffer and reads the peak memory of its
// process from /proc.
func TestServe_LimitsMemoryForLargeBodies(t *testing.T) {
	t.Parallel()
	c := config.Default()
	limit := c.HTTP.MaxBufferedBytes + int64(c.Ingest.MaxPendingBytes) + floodBase + floodConnections*floodConnection
	limit *= raceFactor
	s := newStage(t, "sqlite:"+filepath.Join(t.TempDir(), "events.db"))
	s.serve("--http-read-timeout", faultTimeout.String()) // no sender is cut off before all have started
	before := s.peak()
	held, rejected := 0, 0
	for _, f := range s.flood(limit) {
		switch {
		case f.err != nil:
			t.Fatalf("a connection broke without a response: %v", f.err)
		case f.status == 0:
			held++
		case f.status != http.StatusServiceUnavailable || f.retryAfter == "":
			t.Fatalf("a connection got %d, Retry-After: %q: %s", f.status, f.retryAfter, f.body)
		default:
			rejected++
		}
	}
	if held == 0 || rejected == 0 {
		t.Errorf("%d connections are held and %d rejected, want some of both", held, rejected)
	}
	response, err := http.Post("http://"+s.addr+api.PathPublish, api.TypeJSON, strings.NewReader(
		`{"topic":"t","event_id":"small","timestamp":"2025-12-19","source":"s","payload":{}}`))
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("a small event got %s meanwhile", response.Status)
	}
	t.Logf("%d connections held, %d rejected; peak %d MiB, %d before, limit %d", held, rejected, s.peak()>>20, before>>20, limit>>20)
}

// peak returns the peak memory of the server so far, in bytes.
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

// flood opens the connections and returns when the server has rejected or read each of
// them. It kills a server that uses more than the limit, before the machine runs out of
// memory.
func (s *stage) flood(limit int64) []flooded {
	s.t.Helper()
	start := `[{"topic":"t","event_id":"large","timestamp":"2025-12-19","source":"s","payload":{"x":"`
	part := append([]byte(start), bytes.Repeat([]byte("x"), floodPart-len(start))...)
	connections := make([]flooded, floodConnections)
	finished := make(chan struct{})
	var senders, readers sync.WaitGroup
	for i := range connections {
		senders.Go(func() { connections[i] = s.send(part, &readers) })
	}
	go func() {
		defer close(finished)
		senders.Wait()
	}()
	s.t.Cleanup(func() {
		<-finished
		for _, f := range connections {
			if f.conn != nil {
				_ = f.conn.Close()
			}
		}
		readers.Wait()
	})
	s.until("all have sent", func() bool {
		if peak := s.peak(); peak > limit {
			s.end(syscall.SIGKILL)
			s.t.Fatalf("the server used %d MiB, its limit is %d", peak>>20, limit>>20)
		}
		select {
		case <-finished:
			return true
		default:
			return false
		}
	})
	if peak := s.peak(); peak > limit {
		s.t.Errorf("the server used %d MiB, its limit is %d", peak>>20, limit>>20)
	}
	return connections
}

// send declares a body and sends a part of it, or less if the response comes before.
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
	responded := make(chan flooded, 1)
	readers.Go(func() {
		f := flooded{conn: conn}
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			f.status, f.retryAfter = response.StatusCode, response.Header.Get("Retry-After")
			f.body, err = io.ReadAll(response.Body)
			_ = response.Body.Close()
		}
		f.err = err
		_ = conn.SetWriteDeadline(time.Now()) // the server doesn't read the rest
		responded <- f
	})
	_, errHead := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: eventagg\r\nContent-Type: %s\r\nContent-Length: %d\r\n\r\n", api.PathPublish, api.TypeJSON, floodBody)
	_, errPart := conn.Write(part)
	if errHead != nil || errPart != nil {
		return <-responded
	}
	return flooded{conn: conn}
}
