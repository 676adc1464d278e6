package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// lockedStore is a store whose reads of many rows wait for a lock.
type lockedStore struct{ *memory }

func (lockedStore) Older(ctx context.Context, _ store.Filter, _ store.Position, _ int) ([]store.Record, bool, error) {
	<-ctx.Done()
	return nil, false, ctx.Err()
}

func (lockedStore) TopicStats(ctx context.Context, _ store.TopicQuery) ([]store.TopicStats, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestReads_SlowOnesDoNotDelayOthers sends many requests that wait for a lock. Only
// some of them read from the store, so others find a free connection, and the last one
// is left to another client.
func TestReads_SlowOnesDoNotDelayOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serverWith(new(memory).fill(1), func(o *Options) { o.Store = lockedStore{new(memory).fill(1)} })
		for path, reads := range map[string]int{"/events": 3, "/stats/topics": 1, "/events/stream?limit=5": 3} {
			var requests sync.WaitGroup
			var mu sync.Mutex
			refused := 0
			for range 10 {
				requests.Go(func() {
					begin := time.Now()
					response := send(s, "GET", path, "")
					mu.Lock()
					defer mu.Unlock()
					if time.Since(begin) < 3*time.Second && response.Code == 503 && response.Header().Get("Retry-After") != "" {
						refused++
					}
				})
			}
			synctest.Wait()
			other := httptest.NewRequest(http.MethodGet, path, http.NoBody)
			other.RemoteAddr = "192.0.2.2:1000"
			requests.Go(func() { // gets a slot at once, and waits for the lock
				begin, response := time.Now(), httptest.NewRecorder()
				s.Handler().ServeHTTP(response, other)
				if took := time.Since(begin); took != 15*time.Second {
					t.Errorf("%s of another client: %d after %s", path, response.Code, took)
				}
			})
			synctest.Wait()
			for _, fast := range []string{"/stats", "/readyz", "/events/t1/e1", "/healthz"} {
				begin := time.Now()
				response := send(s, "GET", fast, "")
				if took := time.Since(begin); response.Code != 200 || took > 0 {
					t.Errorf("%s beside %s: status %d after %v", fast, path, response.Code, took)
				}
			}
			requests.Wait()
			if refused != 10-reads {
				t.Errorf("%s: %d requests got 503 within 3 s, want %d", path, refused, 10-reads)
			}
		}
	})
}
