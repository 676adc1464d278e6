package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/store"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
)

// healthz says that the process is alive; it asks nobody.
func (s *Server) healthz(c echo.Context) error {
	return s.writeJSON(c, http.StatusOK, api.Health{Status: healthOK, Version: s.options.Version})
}

// What a health check says.
const (
	healthOK          = "ok"
	healthDegraded    = "degraded"
	healthUnavailable = "unavailable"
)

// readyz says whether requests are welcome, and what is missing otherwise. With
// a queue either of the two can be missed: events are taken all the same, and a
// balancer that turned them away would make an outage of it.
func (s *Server) readyz(c echo.Context) error {
	ctx := c.Request().Context()
	health := api.Health{Status: healthOK, Checks: map[string]string{"server": healthOK, "store": healthOK}}
	away, ways := 0, 1
	if s.store.check(ctx) != nil {
		health.Checks["store"] = healthUnavailable
		away++
	}
	if s.queue != nil {
		ways++
		health.Checks["broker"] = healthOK
		if err := s.queue.check(ctx); err != nil {
			health.Checks["broker"] = healthUnavailable
			if errors.Is(err, store.ErrNotDurable) {
				health.Checks["broker"] = "not durable; see the log"
			}
			away++
		}
	}
	if away > 0 {
		health.Status = healthDegraded
	}
	draining := s.draining.Load()
	if draining {
		health.Checks["server"] = "draining"
	}
	status := http.StatusOK
	if draining || away == ways {
		health.Status, status = healthUnavailable, http.StatusServiceUnavailable
		c.Response().Header().Set("Retry-After", "1")
	}
	return s.writeJSON(c, status, health)
}

// How a store is asked for its health: no longer than probeTimeout, and not
// again within probeAge, however many ask.
const (
	probeTimeout = 2 * time.Second
	probeAge     = time.Second
)

// probe remembers the answer of a ping and lets all who ask at the same time
// share one, so that probes can't load a store that is ill.
type probe struct {
	ping func(context.Context) error
	now  func() time.Time

	mu      sync.Mutex
	asked   time.Time
	last    error
	running chan struct{} // closed when the ping under way has ended
}

// check returns nil where the store is well.
func (p *probe) check(ctx context.Context) error {
	p.mu.Lock()
	if p.running == nil {
		if !p.asked.IsZero() && p.now().Sub(p.asked) < probeAge {
			defer p.mu.Unlock()
			return p.last
		}
		p.running = make(chan struct{})
		// The ping belongs to all who wait for it, not to the first of them.
		go p.run(context.WithoutCancel(ctx), p.running)
	}
	running := p.running
	p.mu.Unlock()

	// A ping that ignores its context must not hold the prober.
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	select {
	case <-running:
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.last
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *probe) run(ctx context.Context, done chan struct{}) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := p.ping(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked, p.last, p.running = p.now(), err, nil
	close(done)
}
