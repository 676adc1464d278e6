package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

func TestReadyz_States(t *testing.T) {
	t.Parallel()
	ready := func(change func(*Server, *memory)) string {
		m := &memory{}
		s := serverWith(m, func(o *Options) { o.Version = "1.2.3" })
		change(s, m)
		for _, path := range []string{"/healthz", "/livez", "/health/live"} {
			alive := send(s, "GET", path, "")
			if alive.Code != 200 || alive.Body.String() != `{"status":"ok","version":"1.2.3"}`+"\n" {
				t.Errorf("%s: %d %s", path, alive.Code, alive.Body)
			}
		}
		response := send(s, "GET", "/readyz", "")
		for _, path := range []string{"/health", "/ready", "/health/ready"} {
			if same := send(s, "GET", path, ""); response.Code != same.Code || response.Body.String() != same.Body.String() {
				t.Errorf("readyz and %s differ: %s, %s", path, response.Body, same.Body)
			}
		}
		if (response.Code == 503) != (response.Header().Get("Retry-After") == "1") {
			t.Errorf("%d with Retry-After %q", response.Code, response.Header().Get("Retry-After"))
		}
		return fmt.Sprint(response.Code, " ", strings.TrimSpace(response.Body.String()))
	}
	for name, row := range map[string]struct {
		change func(*Server, *memory)
		want   string
	}{
		"a new server is ready":           {func(*Server, *memory) {}, `200 {"status":"ok","checks":{"server":"ok","store":"ok"}}`},
		"a draining server is not":        {func(s *Server, _ *memory) { s.Drain() }, `503 {"status":"unavailable","checks":{"server":"draining","store":"ok"}}`},
		"a server without a store is not": {func(_ *Server, m *memory) { m.fail = store.ErrUnavailable }, `503 {"status":"unavailable","checks":{"server":"ok","store":"unavailable"}}`},
		"both problems are named":         {func(s *Server, m *memory) { s.Drain(); m.fail = errors.New("SELECT 1") }, `503 {"status":"unavailable","checks":{"server":"draining","store":"unavailable"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := ready(row.change); got != row.want {
				t.Errorf("got %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestProbe_ConcurrentCallersShareOnePing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		pings := 0
		p := probe{now: time.Now, ping: func(ctx context.Context) error {
			pings++
			time.Sleep(100 * time.Millisecond)
			return ctx.Err()
		}}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if err := p.check(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		if pings != 1 {
			t.Errorf("%d pings for 50 concurrent probes", pings)
		}
		_ = p.check(t.Context())
		if pings != 1 {
			t.Error("pinged again within a second")
		}
		time.Sleep(probeAge)
		_ = p.check(t.Context())
		if pings != 2 {
			t.Errorf("%d pings after a second", pings)
		}
	})
}

func TestProbe_DoesNotWaitForHangingStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		p := probe{now: time.Now, ping: func(context.Context) error { <-release; return nil }}
		begin := time.Now()
		if err := p.check(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != probeTimeout {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
		close(release)
		synctest.Wait()
		if err := p.check(t.Context()); err != nil {
			t.Errorf("after the store recovered: %v", err)
		}
	})
}

func TestProbe_PingOutlivesItsFirstCaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := probe{now: time.Now, ping: func(ctx context.Context) error { return ctx.Err() }}
		gone, leave := context.WithCancel(t.Context())
		leave()
		_ = p.check(gone)
		synctest.Wait()
		if err := p.check(t.Context()); err != nil {
			t.Errorf("kept the error of a cancelled caller: %v", err)
		}
	})
}
