package server

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
)

// TestFollowers_OneClientLeavesStreamsToOthers opens 1,000 streams from one address.
func TestFollowers_OneClientLeavesStreamsToOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serverWith(new(memory).fill(1))
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var mu sync.Mutex
		var following sync.WaitGroup
		statuses := map[string]map[int]int{}
		follow := func(address string) {
			request := httptest.NewRequestWithContext(ctx, "GET", "/events/stream", nil)
			request.RemoteAddr = address
			response := httptest.NewRecorder()
			contract.Handler(s.Handler()).ServeHTTP(response, request)
			mu.Lock()
			defer mu.Unlock()
			if statuses[address] == nil {
				statuses[address] = map[int]int{}
			}
			statuses[address][response.Code]++
			if response.Code == http.StatusTooManyRequests && response.Header().Get("Retry-After") != "10" {
				t.Errorf("headers %v", response.Header())
			}
		}
		for range 1000 {
			following.Go(func() { follow(here) })
		}
		synctest.Wait()
		for range 3 {
			following.Go(func() { follow("192.0.2.2:1000") })
		}
		synctest.Wait()
		if open := s.Followers(); open != 103 {
			t.Errorf("%d streams are open, want 100 and 3", open)
		}
		cancel()
		following.Wait()
		if one, other := statuses[here], statuses["192.0.2.2:1000"]; one[200] != 100 || one[429] != 900 || other[200] != 3 {
			t.Errorf("statuses %v", statuses)
		}
		ctx, cancel = context.WithCancel(t.Context())
		following.Go(func() { follow(here) })
		synctest.Wait()
		if open := s.Followers(); open != 1 {
			t.Errorf("%d streams are open after others were closed, want 1", open)
		}
		cancel()
		following.Wait()
	})
}
