//go:build linux

package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/eventagg/eventagg/pkg/client/transport"
	"github.com/eventagg/eventagg/pkg/event"
)

// maxHealthBytes is more than a response has.
const maxHealthBytes = 1 << 10

// health sends GET /healthz for each append, with the transport of the
// publisher. It measures what HTTP alone costs at both ends.
type health struct{ pool *transport.Pool }

func newHealth(address string, connections int) (*health, error) {
	target, err := url.Parse(address + "/healthz")
	if err != nil {
		return nil, err
	}
	return &health{transport.New(transport.Options{
		Method: http.MethodGet, URL: target, Timeout: time.Minute, MaxIdle: connections,
	})}, nil
}

// Append implements [store.Appender] and stores nothing.
func (h *health) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	status := 0
	empty := func(body []byte) []byte { return body }
	err := h.pool.Do(ctx, empty, maxHealthBytes, func(got transport.Response) { status = got.Status })
	switch {
	case err != nil:
		return nil, fmt.Errorf("request: %w", err)
	case status != http.StatusOK:
		return nil, fmt.Errorf("GET /healthz: %d", status)
	}
	outcomes := make([]event.Outcome, len(events))
	for i := range outcomes {
		outcomes[i] = event.Stored
	}
	return outcomes, nil
}

// close closes the connections.
func (h *health) close() error {
	h.pool.Close()
	return nil
}
