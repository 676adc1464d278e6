package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func errDeadline() error { return context.DeadlineExceeded }

func TestRoutes_Methods(t *testing.T) {
	t.Parallel()
	s := serverWith(new(memory).fill(1))
	for request, want := range map[string]struct {
		status int
		allow  string
	}{
		"GET /publish":         {405, "OPTIONS, POST"},
		"PUT /publish":         {405, "OPTIONS, POST"},
		"POST /stats":          {405, "OPTIONS, GET, HEAD"},
		"DELETE /events/t1/e1": {405, "OPTIONS, GET, HEAD"},
		"OPTIONS /publish":     {204, "OPTIONS, POST"},
		"OPTIONS /events":      {204, "OPTIONS, GET, HEAD"},
		"OPTIONS /nothing":     {404, ""},
		"HEAD /stats":          {200, ""},
		"HEAD /events":         {200, ""},
		"HEAD /events/t1/e1":   {200, ""},
		"HEAD /events/t1/e2":   {404, ""},
		"HEAD /readyz":         {200, ""},
	} {
		t.Run(request, func(t *testing.T) {
			t.Parallel()
			method, path, _ := strings.Cut(request, " ")
			response := send(s, method, path, "")
			if response.Code != want.status || response.Header().Get("Allow") != want.allow {
				t.Errorf("got %d, Allow %q", response.Code, response.Header().Get("Allow"))
			}
			if method == "HEAD" && (response.Body.Len() > 0 || response.Header().Get("Content-Length") == "") {
				t.Errorf("HEAD has %d bytes, headers %v", response.Body.Len(), response.Header())
			}
			if response.Code == 405 {
				checkProblem(t, response.Code, response.Header(), response.Body.Bytes())
			}
		})
	}
}

// TestPublish_HalfClosedConnectionGetsResponse closes the client's half of the
// connection after the request. This ends the context of the request.
func TestPublish_HalfClosedConnectionGetsResponse(t *testing.T) {
	t.Parallel()
	address := listen(t, serverWith(&memory{}))
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, err = fmt.Fprintf(conn, "POST /publish HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", len(goodEvent), goodEvent)
	if half, ok := conn.(*net.TCPConn); !ok || errors.Join(err, half.CloseWrite()) != nil {
		t.Fatal("could not send the request")
	}
	response, err := io.ReadAll(conn)
	if err != nil || !strings.HasPrefix(string(response), "HTTP/1.1 200 ") {
		t.Errorf("got %q, %v", response, err)
	}
}

func TestServer_ClosesSlowConnections(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{}, func(o *Options) { o.ReadHeaderTimeout = 200 * time.Millisecond; o.IdleTimeout = 200 * time.Millisecond })
	address := listen(t, s)
	for name, sent := range map[string]string{
		"in the head":          "POST /publish HTTP/1.1\r\nHost: x\r\nX-Slow",
		"before a first byte":  "",
		"between two requests": "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_, _ = io.WriteString(conn, sent)
			// Only the server can end this read before the deadline.
			if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadAll(conn); err != nil && errors.Is(err, errTimeout()) {
				t.Errorf("still connected: %v", err)
			}
		})
	}
}

func errTimeout() error { return context.DeadlineExceeded } // the timeout errors of net match it, too
