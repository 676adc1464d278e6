package query

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

// The series has a point per second over 15 minutes.
const (
	seriesInterval = time.Second
	seriesSpan     = 15 * time.Minute
	seriesPoints   = int(seriesSpan / seriesInterval)
	// seriesEffort times the duration of a read is the minimum pause before the
	// next one, so that many topics do not make the series a load.
	seriesEffort = 20
)

// series keeps the totals of the last minutes. They come from the store, so every
// instance has the totals of all instances.
type series struct {
	read func(context.Context) (store.Stats, error)
	now  func() time.Time

	taking sync.Mutex // one point at a time, so that they are in order
	mu     sync.Mutex
	points []api.Point
}

// run takes a point every second until ctx ends.
func (s *series) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	before := seriesSpan
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		begin, next := time.Now(), seriesInterval
		if s.take(ctx) {
			took := time.Since(begin)
			// A single slow read, after an outage for example, says nothing about
			// the usual effort.
			next = max(next-took, seriesEffort*min(took, before))
			before = took
		}
		timer.Reset(next)
	}
}

// take adds a point, unless the store is unavailable.
func (s *series) take(ctx context.Context) bool {
	s.taking.Lock()
	defer s.taking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return s.add(ctx)
}

// refresh adds a point if the newest is old. If a point is being taken, or the
// store is slow, the existing ones are enough.
func (s *series) refresh(ctx context.Context) {
	if !s.taking.TryLock() {
		return
	}
	defer s.taking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, seriesInterval)
	defer cancel()
	if age := s.now().Sub(s.last()); age > 2*seriesInterval || age < 0 { // negative if the clock was set back
		s.add(ctx)
	}
}

// add reads the totals and reports whether that worked. The caller holds taking.
func (s *series) add(ctx context.Context) bool {
	totals, err := s.read(ctx)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().UTC().Truncate(time.Millisecond)
	// Readers rely on the order of the points, but the clock may have been set back.
	s.points = slices.DeleteFunc(s.points, func(p api.Point) bool { return !p.Time.Before(now) })
	s.points = append(s.points, api.Point{
		Time: now, Received: totals.Received, Stored: totals.Stored, Duplicates: totals.Duplicates,
	})
	for len(s.points) > seriesPoints || now.Sub(s.points[0].Time) > seriesSpan {
		s.points = s.points[1:]
	}
	return true
}

// last returns the time of the newest point.
func (s *series) last() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.points) == 0 {
		return time.Time{}
	}
	return s.points[len(s.points)-1].Time
}

// all returns the points, oldest first.
func (s *series) all() []api.Point {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]api.Point{}, s.points...)
}

// Series handles GET /stats/series: the totals over time. If Run was not called,
// each request takes a point.
func (h *Handler) Series(c echo.Context) error {
	if err := needAllTopics(c); err != nil {
		return err
	}
	h.series.refresh(c.Request().Context())
	return h.sendJSON(c, api.Series{IntervalSeconds: seriesInterval.Seconds(), Points: h.series.all()})
}
