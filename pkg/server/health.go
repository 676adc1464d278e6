package server

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
)

// healthz says that the process is alive; it asks nobody.
func (s *Server) healthz(c echo.Context) error {
	return s.writeJSON(c, http.StatusOK, api.Health{Status: "ok", Version: s.options.Version})
}

// readyz says whether requests are welcome, and what is missing otherwise.
func (s *Server) readyz(c echo.Context) error {
	const ok = "ok"
	health := api.Health{Status: ok, Checks: map[string]string{"server": ok, "store": ok}}
	if s.draining.Load() {
		health.Checks["server"] = "draining"
	}
	if err := s.probe.check(c.Request().Context()); err != nil {
		health.Checks["store"] = "unavailable"
	}
	status := http.StatusOK
	for _, check := range health.Checks {
		if check != ok {
			health.Status, status = "unavailable", http.StatusServiceUnavailable
			c.Response().Header().Set("Retry-After", "1")
		}
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
