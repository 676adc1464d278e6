package query

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

func TestSeries_HasAPointPerSecondOverTheLastMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reads := int64(0)
		s := series{now: time.Now, read: func(context.Context) (store.Stats, error) {
			reads++
			if reads%10 == 0 {
				return store.Stats{}, errors.New("unavailable")
			}
			return store.Stats{Received: 3 * reads, Stored: 2 * reads, Duplicates: reads}, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		s.run(ctx)
		points := s.all()
		if reads < 3595 || len(points) < 805 || len(points) > 811 { // nine tenths of 900
			t.Fatalf("%d points after %d reads", len(points), reads)
		}
		for i, p := range points {
			if p.Received != p.Stored+p.Duplicates || i > 0 && !p.Time.After(points[i-1].Time) {
				t.Errorf("point %d is %+v", i, p)
			}
		}
		if first := points[0].Time; time.Since(first) > seriesSpan+seriesInterval {
			t.Errorf("the first point is of %v", first)
		}
	})
}

func TestSeries_ReadsSlowTotalsLessOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		reads := 0
		s := series{now: time.Now, read: func(context.Context) (store.Stats, error) {
			reads++
			time.Sleep(500 * time.Millisecond)
			return store.Stats{}, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s.run(ctx)
		if reads > 6 {
			t.Errorf("read %d times in a minute, half a second each", reads)
		}
	})
}

func TestSeries_RefreshDoesNotWaitForAHangingStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := series{now: time.Now, read: func(ctx context.Context) (store.Stats, error) {
			<-ctx.Done()
			return store.Stats{}, ctx.Err()
		}}
		var refreshing sync.WaitGroup
		for range 10 {
			refreshing.Go(func() {
				begin := time.Now()
				s.refresh(t.Context())
				if took := time.Since(begin); took > seriesInterval {
					t.Errorf("took %v", took)
				}
			})
		}
		refreshing.Wait()
	})
}

func TestSeries_ContinuesSoonAfterAStoreThatHung(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		hung time.Duration
	}{
		{"and never returned", time.Hour},
		{"and returned late", readTimeout - time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				reads := 0
				s := series{now: time.Now, read: func(ctx context.Context) (store.Stats, error) {
					reads++
					if reads != 3 {
						return store.Stats{}, nil
					}
					select {
					case <-time.After(row.hung):
					case <-ctx.Done():
					}
					return store.Stats{}, ctx.Err()
				}}
				ctx, cancel := context.WithTimeout(t.Context(), readTimeout+12*time.Second)
				defer cancel()
				s.run(ctx)
				if points := len(s.all()); points < 10 {
					t.Errorf("%d points in the 12 seconds around it", points)
				}
			})
		})
	}
}

func TestSeries_StaysInOrderWhenTheClockIsSetBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, time.December, 19, 12, 0, 0, 0, time.UTC)
	s := series{
		now:  func() time.Time { return now },
		read: func(context.Context) (store.Stats, error) { return store.Stats{}, nil },
	}
	steps := []time.Duration{0, 3 * time.Second, 3 * time.Second, -4 * time.Second, 3 * time.Second}
	for _, step := range steps {
		now = now.Add(step)
		s.refresh(t.Context())
	}
	var seconds []int
	for _, p := range s.all() {
		seconds = append(seconds, p.Time.Second())
	}
	if want := []int{0, 2, 5}; !slices.Equal(seconds, want) {
		t.Errorf("points of the seconds %d, want %d", seconds, want)
	}
}
