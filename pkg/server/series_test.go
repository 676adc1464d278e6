package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestSeriesHasAPointASecondOverTheLastMinutes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := int64(0)
		s := series{now: time.Now, read: func(context.Context) (store.Stats, error) {
			asked++
			if asked%10 == 0 {
				return store.Stats{}, errors.New("away")
			}
			return store.Stats{Received: 3 * asked, Stored: 2 * asked, Duplicates: asked}, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		s.run(ctx)
		points := s.all()
		if asked < 3595 || len(points) < 805 || len(points) > 811 { // nine tenths of 900
			t.Fatalf("%d points after %d questions", len(points), asked)
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

func TestTotalsThatTakeLongAreReadLessOften(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		asked := 0
		s := series{now: time.Now, read: func(context.Context) (store.Stats, error) {
			asked++
			<-time.After(500 * time.Millisecond)
			return store.Stats{}, nil
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s.run(ctx)
		if asked > 6 {
			t.Errorf("asked %d times in a minute, for half a second each", asked)
		}
	})
}

func TestSeriesIsAnsweredAlsoWhereNobodyTakesPoints(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		fail error
		want int
	}{
		{"one point is taken for who asks", nil, 1},
		{"none where the store is away: an empty list", store.ErrUnavailable, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			m := (&memory{}).fill(5)
			m.fail = row.fail
			answer := ask(serverWith(m), http.MethodGet, "/stats/series", "")
			var got api.Series
			if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil || answer.Code != http.StatusOK || got.Points == nil || len(got.Points) != row.want {
				t.Fatalf("answered %d %s, %v", answer.Code, answer.Body, err)
			}
			if row.want > 0 && (got.Points[0].Stored != 5 || got.IntervalSeconds != 1 || !got.Points[0].Time.Equal(noon())) {
				t.Errorf("got %+v", got)
			}
		})
	}
}

func TestAStoreThatHangsHoldsUpNobodyWhoAsksForTheSeries(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := series{now: time.Now, read: func(ctx context.Context) (store.Stats, error) {
			<-ctx.Done()
			return store.Stats{}, ctx.Err()
		}}
		var asking sync.WaitGroup
		for range 10 {
			asking.Go(func() {
				begin := time.Now()
				s.refresh(t.Context())
				if took := time.Since(begin); took > seriesInterval {
					t.Errorf("took %v", took)
				}
			})
		}
		asking.Wait()
	})
}

func TestSeriesGoesOnSoonAfterAStoreThatHung(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		hung time.Duration
	}{
		{"and gave no answer", time.Hour},
		{"and answered late", readTimeout - time.Second},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				asked := 0
				s := series{now: time.Now, read: func(ctx context.Context) (store.Stats, error) {
					asked++
					if asked != 3 {
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

func TestSeriesStaysInOrderWhenTheClockIsSetBack(t *testing.T) {
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
