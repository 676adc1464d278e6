//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/eventagg/eventagg/pkg/event"
)

// health answers each append by one GET /healthz, over connections like the
// publisher's: what HTTP alone costs, at both ends.
type health struct {
	address string
	idle    chan *healthConn
}

type healthConn struct {
	net.Conn
	reader   *bufio.Reader
	response fasthttp.Response
}

func newHealth(url string, connections int) *health {
	return &health{address: strings.TrimPrefix(url, "http://"), idle: make(chan *healthConn, connections)}
}

// Append implements [store.Appender] and stores nothing.
func (h *health) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	var conn *healthConn
	select {
	case conn = <-h.idle:
	default:
		var dialer net.Dialer
		dialed, err := dialer.DialContext(ctx, "tcp", h.address)
		if err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
		conn = &healthConn{Conn: dialed, reader: bufio.NewReader(dialed)}
	}
	if _, err := conn.Write([]byte("GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n")); err != nil {
		return nil, fmt.Errorf("ask: %w", err)
	}
	if err := conn.response.Read(conn.reader); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if status := conn.response.StatusCode(); status != http.StatusOK {
		return nil, fmt.Errorf("GET /healthz: %d", status)
	}
	h.idle <- conn
	outcomes := make([]event.Outcome, len(events))
	for i := range outcomes {
		outcomes[i] = event.Stored
	}
	return outcomes, nil
}

// close ends the connections.
func (h *health) close() error {
	close(h.idle)
	for conn := range h.idle {
		_ = conn.Close() // nothing is under way
	}
	return nil
}
