package client

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/store"
)

// The server fails and stores more events meanwhile.
func TestClient_ExportReturnsEventsStoredAtItsStart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		stored := rapid.IntRange(0, 3*exportPage+2).Draw(rt, "stored")
		later := rapid.IntRange(0, 1500).Draw(rt, "later")
		failing := rapid.SliceOf(rapid.SampledFrom([]int{0, 0, -1, 503, 429, 502})).Draw(rt, "failing")
		synctest.Test(t, func(t *testing.T) {
			f := &feed{stored: stored, fail: func(request int) int {
				if i := request - 2; i >= 0 && i < len(failing) { // the first must succeed
					return failing[i]
				}
				return 0
			}}
			added := sync.OnceFunc(func() { f.add(later) })
			var got []int
			err := f.follower().Export(t.Context(), store.Filter{}, func(records []store.Record) error {
				added()
				return recordIDs(&got)(records)
			})
			if err != nil || !slices.Equal(got, span(1, stored)) {
				t.Errorf("%v: %d events of %d", err, len(got), stored)
			}
		})
	})
}

func TestClient_ExportReadsOnePageAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &feed{stored: 5 * exportPage}
		pages := 0
		err := f.follower().Export(t.Context(), store.Filter{}, func([]store.Record) error {
			pages++
			synctest.Wait()
			f.mu.Lock()
			defer f.mu.Unlock()
			if want := 1 + min(pages+1, 5); f.requested != want { // the first finds the end
				t.Errorf("at page %d there were %d requests, expected %d", pages, f.requested, want)
			}
			return nil
		})
		if err != nil || pages != 5 {
			t.Errorf("%d pages, %v", pages, err)
		}
	})
}

func TestClient_ExportEnds(t *testing.T) {
	t.Parallel()
	from := func(first, status int) func(int) int {
		return func(request int) int {
			if request >= first {
				return status
			}
			return 0
		}
	}
	for name, row := range map[string]struct {
		fail func(int) int
		fn   error
		want error
	}{
		"at once if there is no server at the start": {from(1, -1), nil, store.ErrUnavailable},
		"when the server fails later":                {from(3, 404), nil, store.ErrNotFound},
		"with the caller's error":                    {nil, errEnough, errEnough},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &feed{stored: 5 * exportPage, fail: row.fail}
				begin := time.Now()
				err := f.follower().Export(t.Context(), store.Filter{}, func([]store.Record) error { return row.fn })
				if !errors.Is(err, row.want) || time.Since(begin) > 0 {
					t.Errorf("%v after %v", err, time.Since(begin))
				}
			})
		})
	}
}
