package server

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

// healthz reports that the process is alive. It checks nothing else.
func (s *Server) healthz(c echo.Context) error {
	return respond.JSON(c, http.StatusOK, api.Health{Status: healthOK, Version: s.options.Version})
}

// States of a health check.
const (
	healthOK          = "ok"
	healthDegraded    = "degraded"
	healthUnavailable = "unavailable"
)

// readyz reports whether the instance takes requests, and the state of each
// dependency. With a queue, either of store and queue may be unavailable: events are
// still taken, and a load balancer that removed the instance would cause an outage.
func (s *Server) readyz(c echo.Context) error {
	ctx := c.Request().Context()
	health := api.Health{Status: healthOK, Checks: map[string]string{"server": healthOK, "store": healthOK}}
	unavailable, dependencies := 0, 1
	if s.store.check(ctx) != nil {
		health.Checks["store"] = healthUnavailable
		unavailable++
	}
	if s.queue != nil {
		dependencies++
		health.Checks["broker"] = healthOK
		if err := s.queue.check(ctx); err != nil {
			health.Checks["broker"] = healthUnavailable
			if errors.Is(err, store.ErrNotDurable) {
				health.Checks["broker"] = "not durable; see the log"
			}
			unavailable++
		}
	}
	if unavailable > 0 {
		health.Status = healthDegraded
	}
	draining := s.draining.Load()
	if draining {
		health.Checks["server"] = "draining"
	}
	status := http.StatusOK
	if draining || unavailable == dependencies {
		health.Status, status = healthUnavailable, http.StatusServiceUnavailable
		c.Response().Header().Set("Retry-After", "1")
	}
	return respond.JSON(c, status, health)
}

// CheckStore returns what GET /readyz reports of the store: nil if it is healthy.
// Concurrent callers share one check, and its result is reused for a second.
func (s *Server) CheckStore(ctx context.Context) error { return s.store.check(ctx) }

// CheckQueue is CheckStore for the queue. Without one it returns nil.
func (s *Server) CheckQueue(ctx context.Context) error {
	if s.queue == nil {
		return nil
	}
	return s.queue.check(ctx)
}

// A health check takes at most probeTimeout. Its result is reused for probeAge.
const (
	probeTimeout = 2 * time.Second
	probeAge     = time.Second
)

// probe caches the result of a ping. Concurrent callers share one ping, so that
// health checks can't load a store that has problems.
type probe struct {
	ping func(context.Context) error
	now  func() time.Time

	mu      sync.Mutex
	pinged  time.Time
	last    error
	running chan struct{} // closed when the ping under way has ended
}

// check returns nil if the dependency is healthy.
func (p *probe) check(ctx context.Context) error {
	p.mu.Lock()
	if p.running == nil {
		if !p.pinged.IsZero() && p.now().Sub(p.pinged) < probeAge {
			defer p.mu.Unlock()
			return p.last
		}
		p.running = make(chan struct{})
		// The ping belongs to all callers that wait for it, not to the first.
		go p.run(context.WithoutCancel(ctx), p.running)
	}
	running := p.running
	p.mu.Unlock()

	// A ping that ignores its context must not block the caller.
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
	p.pinged, p.last, p.running = p.now(), err, nil
	close(done)
}
