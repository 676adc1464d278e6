package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// serveRaw serves on loopback without the check of responses against OpenAPI, whose
// writer has no full duplex, and returns the address.
func serveRaw(t *testing.T, s *Server) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(listener) }()
	t.Cleanup(func() {
		if err := s.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return listener.Addr().String()
}

// TestRefusal_ArrivesWhileTheBodyIsSent: the client sends all of a large body before
// it reads, as many do. The response must not be lost to a reset connection.
func TestRefusal_ArrivesWhileTheBodyIsSent(t *testing.T) {
	t.Parallel()
	const size = 20 << 20
	for _, row := range []struct {
		name, path, header string
		status             int
	}{
		{"a body that is too large", "/publish", "Content-Type: application/json", http.StatusRequestEntityTooLarge},
		{"an unknown media type", "/publish", "Content-Type: text/plain", http.StatusUnsupportedMediaType},
		{"an unknown coding", "/publish", "Content-Encoding: br", http.StatusUnsupportedMediaType},
		{"a path that does not exist", "/nothing", "Content-Type: application/json", http.StatusNotFound},
		{"a method that the path does not take", "/stats", "Content-Type: application/json", http.StatusMethodNotAllowed},
		{"a coding that the body does not have", "/publish", "Content-Encoding: gzip", http.StatusUnprocessableEntity},
	} {
		for _, framing := range []string{"length", "chunked"} {
			t.Run(row.name+", "+framing, func(t *testing.T) {
				t.Parallel()
				conn, err := net.Dial("tcp", serveRaw(t, serverWith(&memory{})))
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = conn.Close() }()
				_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
				body := strings.Repeat(" ", size)
				head := fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\n%s\r\n", row.path, row.header)
				if framing == "chunked" {
					_, err = fmt.Fprintf(conn, "%sTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", head, size, body)
				} else {
					_, err = fmt.Fprintf(conn, "%sContent-Length: %d\r\n\r\n%s", head, size, body)
				}
				if err != nil {
					t.Fatalf("send: %v", err)
				}
				response, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatalf("no response: %v", err)
				}
				defer func() { _ = response.Body.Close() }()
				if text, err := io.ReadAll(response.Body); err != nil || response.StatusCode != row.status {
					t.Errorf("got %d %s, %v; want %d", response.StatusCode, text, err, row.status)
				}
			})
		}
	}
}
