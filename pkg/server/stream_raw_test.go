package server

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestStream_DoesNotWaitForRequestBody(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, header string }{
		{"of a known length", "Content-Length: 10"},
		{"in chunks", "Transfer-Encoding: chunked"},
		{"after 100 Continue", "Content-Length: 10\r\nExpect: 100-continue"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			s := serverWith((&memory{}).fill(3))
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- s.Serve(listener) }()
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
			_, _ = fmt.Fprintf(conn, "GET /events/stream?limit=1 HTTP/1.1\r\nHost: x\r\n%s\r\n\r\n", row.header)
			lines, seen := bufio.NewScanner(conn), false
			for !seen && lines.Scan() {
				seen = strings.Contains(lines.Text(), `"event_id":"e3"`)
			}
			if !seen {
				t.Errorf("no event: %v", lines.Err())
			}
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := s.Shutdown(ctx); err != nil {
				t.Errorf("shutdown: %v", err)
			}
			if err := <-served; err != nil && !errors.Is(err, http.ErrServerClosed) {
				t.Error(err)
			}
		})
	}
}
