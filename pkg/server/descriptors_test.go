package server

import (
	"bufio"
	"bytes"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
)

// noStore is never called.
type noStore struct{ Reader }

// A listener whose limit is reached treats every connection as one of the reserve.
func TestServer_ServesHealthIfDescriptorsRunShort(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		limit         int
		path          string
		status        int
		close, warned bool
	}{
		{0, "/nowhere", http.StatusNotFound, false, false},
		{1 << 30, "/nowhere", http.StatusNotFound, false, false},
		{1, "/healthz", http.StatusOK, true, true},
		{1, "/livez", http.StatusOK, true, true},
		{1, "/nowhere", http.StatusServiceUnavailable, true, true},
		{1, "/openapi.json", http.StatusServiceUnavailable, true, true},
	} {
		t.Run(fmt.Sprint(row.limit, row.path), func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := New(Options{Store: noStore{}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
			ended := make(chan error, 1)
			go func() {
				ended <- s.http.Serve(s.limitConnections(listener, row.limit))
			}()
			conn, err := net.Dial("tcp", listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", row.path); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = response.Body.Close()
			if response.StatusCode != row.status || response.Close != row.close || (response.Header.Get("Retry-After") != "") != (row.status == http.StatusServiceUnavailable) {
				t.Errorf("got %+v", response)
			}
			if err := s.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
			<-ended
			if strings.Contains(log.String(), "file descriptors run short") != row.warned {
				t.Errorf("logged %s", &log)
			}
		})
	}
}
