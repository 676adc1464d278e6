package server

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"testing/synctest"
)

// TestLines_IdleStreamsHoldNoMemory opens 1,000 streams that send an event and then wait.
// They need none of the memory for bodies, so everybody else can have it.
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
		if response := sendFrom(s, here, eventArray(10_000, 10_000)); response.Code != http.StatusOK {
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
