//go:build linux

package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/eventagg/eventagg/pkg/client/exchange"
	"github.com/eventagg/eventagg/pkg/event"
)

// maxHealthBytes is more than an answer has.
const maxHealthBytes = 1 << 10

// health answers each append by one GET /healthz, over connections like the
// publisher's: what HTTP alone costs, at both ends.
type health struct {
	address string
	idle    chan *exchange.Conn
}

func newHealth(url string, connections int) *health {
	return &health{address: strings.TrimPrefix(url, "http://"), idle: make(chan *exchange.Conn, connections)}
}

// Append implements [store.Appender] and stores nothing.
func (h *health) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	var conn *exchange.Conn
	select {
	case conn = <-h.idle:
	default:
		var dialer net.Dialer
		dialed, err := dialer.DialContext(ctx, "tcp", h.address)
		if err != nil {
			return nil, fmt.Errorf("connect: %w", err)
		}
		conn = exchange.New(dialed)
	}
	got, err := conn.Exchange([]byte("GET /healthz HTTP/1.1\r\nHost: bench\r\n\r\n"), maxHealthBytes)
	switch {
	case err != nil:
		return nil, fmt.Errorf("ask: %w", err)
	case got.Status != http.StatusOK:
		return nil, fmt.Errorf("GET /healthz: %d", got.Status)
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
