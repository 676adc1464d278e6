package server

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/auth"
)

// TestLines_SlowedStreamsHoldNoMemory: streams that are slowed down to the limits of
// their client hold less than a large buffer each.
func TestLines_SlowedStreamsHoldNoMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serverWith(new(memory), func(o *Options) { o.Limits, o.Now = auth.Limits{Events: 10}, time.Now })
		ctx, cancel := context.WithCancel(t.Context())
		var streams sync.WaitGroup
		for n := range 2 {
			streams.Go(func() {
				request := httptest.NewRequestWithContext(ctx, http.MethodPost, "/publish", strings.NewReader(eventLines(n*3000, 3000)))
				request.Header.Set("Content-Type", "application/x-ndjson")
				s.Handler().ServeHTTP(httptest.NewRecorder(), request)
			})
		}
		time.Sleep(190 * time.Second) // of the bubble's clock: the first buffers are used up
		synctest.Wait()
		if used := s.publish.BufferedBytes(); used > 2*4<<10 {
			t.Errorf("2 streams hold %d bytes", used)
		}
		cancel()
		streams.Wait()
	})
}

// TestLines_IdleStreamsHoldNoMemory opens 1,000 streams that send an event and then wait.
// They need none of the memory for bodies, so all other clients can have it.
func TestLines_IdleStreamsHoldNoMemory(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := serverWith(new(memory))
		var streams sync.WaitGroup
		var ends []*io.PipeWriter
		for n := range 1000 {
			body, end := io.Pipe()
			ends = append(ends, end)
			streams.Go(func() {
				request := httptest.NewRequestWithContext(t.Context(), "POST", "/publish", body)
				request.Header.Set("Content-Type", "application/x-ndjson")
				response := httptest.NewRecorder()
				s.Handler().ServeHTTP(response, request)
				if response.Code != http.StatusOK {
					t.Errorf("stream: %d %s", response.Code, response.Body)
				}
			})
			if _, err := io.WriteString(end, eventLines(n, 1)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if used := s.publish.BufferedBytes(); used != 0 {
			t.Errorf("idle streams hold %d bytes", used)
		}
		if response := sendFrom(s, here, eventArray(10_000, 3000)); response.Code != http.StatusOK {
			t.Errorf("an array beside them: %d %s", response.Code, response.Body)
		}
		for _, end := range ends {
			_ = end.Close()
		}
		streams.Wait()
		if s.publish.BufferedBytes() != 0 {
			t.Errorf("%d bytes are held at the end", s.publish.BufferedBytes())
		}
	})
}
