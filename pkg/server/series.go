package server

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

// The series has a point a second over a quarter of an hour.
const (
	seriesInterval = time.Second
	seriesSpan     = 15 * time.Minute
	seriesPoints   = int(seriesSpan / seriesInterval)
	// seriesEffort is how many times as long as reading the totals takes the
	// next reading waits, so that many topics don't make it a load.
	seriesEffort = 20
)

// series keeps the totals of the last minutes. They are the store's, so each
// instance has those of all: nothing has to be put together from several.
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
			// How long a store was waited for that was away, or hung once, says
			// nothing of the effort.
			next = max(next-took, seriesEffort*min(took, before))
			before = took
		}
		timer.Reset(next)
	}
}

// take adds a point, unless the store is away: then there is none.
func (s *series) take(ctx context.Context) bool {
	s.taking.Lock()
	defer s.taking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	return s.add(ctx)
}

// refresh adds a point where the newest is an old one. Where a point is being
// taken, or the store is slow, the ones that there are must do.
func (s *series) refresh(ctx context.Context) {
	if !s.taking.TryLock() {
		return
	}
	defer s.taking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, seriesInterval)
	defer cancel()
	if age := s.now().Sub(s.last()); age > 2*seriesInterval || age < 0 { // or the clock was set back
		s.add(ctx)
	}
}

// add reads the totals, and reports whether it could; the caller holds taking.
func (s *series) add(ctx context.Context) bool {
	totals, err := s.read(ctx)
	if err != nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now().UTC().Truncate(time.Millisecond)
	// The clock may have been set back, and who reads the points takes them to be in order.
	s.points = slices.DeleteFunc(s.points, func(p api.Point) bool { return !p.Time.Before(now) })
	s.points = append(s.points, api.Point{
		Time: now, Received: totals.Received, Stored: totals.Stored, Duplicates: totals.Duplicates,
	})
	for len(s.points) > seriesPoints || now.Sub(s.points[0].Time) > seriesSpan {
		s.points = s.points[1:]
	}
	return true
}

// last is when the newest point was taken.
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

// statsSeries answers the totals over time. Where nobody takes points, as in a
// handler without [Server.Serve], asking takes one.
func (s *Server) statsSeries(c echo.Context) error {
	s.series.refresh(c.Request().Context())
	return s.writeJSON(c, http.StatusOK, api.Series{IntervalSeconds: seriesInterval.Seconds(), Points: s.series.all()})
}
