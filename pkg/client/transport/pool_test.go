package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// poolOf returns a pool for the server, and the number of connections that the
// server has accepted.
func poolOf(t *testing.T, server *httptest.Server, start func(*httptest.Server)) (*Pool, *atomic.Int64) {
	t.Helper()
	var accepted atomic.Int64
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			accepted.Add(1)
		}
	}
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, 0)
	start(server)
	t.Cleanup(server.Close)
	target, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := New(Options{Method: http.MethodPost, URL: target, Timeout: time.Minute, MaxIdle: 8})
	t.Cleanup(p.Close)
	return p, &accepted
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	w.Header().Set("Content-Type", "text/plain")
	_, _ = w.Write(body)
}

// send posts a body and checks that the response has it.
func send(t *testing.T, p *Pool, body []byte) error {
	t.Helper()
	write := func(dst []byte) []byte { return append(dst, body...) }
	return p.Do(t.Context(), write, len(body), func(got Response) {
		if got.Status != http.StatusOK || !bytes.Equal(got.Body, body) {
			t.Errorf("sent %d bytes, got %d with status %d", len(body), len(got.Body), got.Status)
		}
	})
}

func TestPool_ExchangesBodiesOfAnySize(t *testing.T) {
	t.Parallel()
	p, accepted := poolOf(t, httptest.NewUnstartedServer(http.HandlerFunc(echo)), (*httptest.Server).Start)
	const workers = 8
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i := range 200 {
				size := 10 + (worker+i)%7*100
				if i%100 == 99 {
					size = 4 << 20 // more than the sockets take at once
				}
				if err := send(t, p, bytes.Repeat([]byte{byte('a' + i%26)}, size)); err != nil {
					t.Errorf("request %d with %d bytes: %v", i, size, err)
					return
				}
			}
		})
	}
	group.Wait()
	if got := accepted.Load(); got > workers {
		t.Errorf("%d connections for %d workers", got, workers)
	}
}

func TestPool_ClosesConnectionsIdleForLong(t *testing.T) {
	t.Parallel()
	p, _ := poolOf(t, httptest.NewUnstartedServer(http.HandlerFunc(echo)), (*httptest.Server).Start)
	if err := send(t, p, []byte("a")); err != nil {
		t.Fatal(err)
	}
	if p.take(time.Now().Add(time.Minute)) != nil || len(p.idle) != 0 {
		t.Error("a connection of a minute ago is used again")
	}
}

// What a request on such a connection has done is unknown.
func TestPool_ReplacesConnectionThatTheServerClosed(t *testing.T) {
	t.Parallel()
	start := map[string]func(*httptest.Server){"TCP": (*httptest.Server).Start, "TLS": (*httptest.Server).StartTLS}
	for name, start := range start {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewUnstartedServer(http.HandlerFunc(echo))
			p, accepted := poolOf(t, server, start)
			if name == "TLS" {
				transport, ok := server.Client().Transport.(*http.Transport)
				if !ok {
					t.Fatalf("the transport is a %T", server.Client().Transport)
				}
				p.dial = (&tls.Dialer{Config: transport.TLSClientConfig}).DialContext
			}
			for i := range 3 {
				if err := send(t, p, []byte("a")); err != nil {
					t.Fatal(err)
				}
				if got := accepted.Load(); got != int64(i+1) {
					t.Errorf("%d connections for %d requests", got, i+1)
				}
				p.startProbes(time.Now().Add(probeAfter))
				probe := p.idle[0].probe
				server.CloseClientConnections()
				<-probe
			}
		})
	}
}

func TestPool_DropsConnectionOfCancelledRequest(t *testing.T) {
	t.Parallel()
	received := make(chan struct{})
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadAll(r.Body)
		close(received)
		<-r.Context().Done() // the client has closed the connection
	}
	p, _ := poolOf(t, httptest.NewUnstartedServer(http.HandlerFunc(hang)), (*httptest.Server).Start)
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-received; cancel() }()
	err := p.Do(ctx, func(dst []byte) []byte { return append(dst, 'a') }, 1, func(Response) { t.Error("there was a response") })
	if err == nil || len(p.idle) != 0 {
		t.Errorf("error %v, %d idle connections", err, len(p.idle))
	}
}

// The server closes the connection so late that no probe has noticed.
func TestPool_ReportsReusedConnectionThatTheServerCloses(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(echo))
	p, _ := poolOf(t, server, (*httptest.Server).Start)
	p.probing = true // no probes
	for range 20 {
		if err := send(t, p, []byte("a")); err != nil {
			t.Fatal(err)
		}
		server.CloseClientConnections()
		began := time.Now()
		if err := send(t, p, []byte("a")); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v after %v", err, time.Since(began))
		}
	}
}

func TestPool_ProbesIdleConnectionsByItself(t *testing.T) {
	t.Parallel()
	idle := make(chan struct{})
	near, peer := net.Pipe()
	p := &Pool{options: Options{MaxIdle: 1}}
	p.put(newConn(signalingConn{Conn: near, read: idle}))
	<-idle
	_ = peer.Close()
	p.Close()
}

// signalingConn reports its first read.
type signalingConn struct {
	net.Conn
	read chan struct{}
}

func (c signalingConn) Read(p []byte) (int, error) {
	close(c.read)
	return c.Conn.Read(p)
}

func TestPool_ReportsThatThereWasNoConnection(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = listener.Close()
	p := New(Options{Method: http.MethodGet, URL: &url.URL{Scheme: "http", Host: listener.Addr().String()}, Timeout: time.Minute})
	if _, ok := errors.AsType[*DialError](send(t, p, nil)); !ok {
		t.Error("no DialError")
	}
}

func TestPool_HeadOfRequests(t *testing.T) {
	t.Parallel()
	for address, want := range map[string][2]string{
		"http://h":             {"h:80", "POST / HTTP/1.1\r\nHost: h\r\nA: b\r\nContent-Length: "},
		"https://h:1/p%20q":    {"h:1", "POST /p%20q HTTP/1.1\r\nHost: h:1\r\nA: b\r\nContent-Length: "},
		"https://[::1]/events": {"[::1]:443", "POST /events HTTP/1.1\r\nHost: [::1]\r\nA: b\r\nContent-Length: "},
	} {
		target, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		p := New(Options{Method: http.MethodPost, URL: target, Header: "A: b\r\n"})
		if p.address != want[0] || string(p.head) != want[1] {
			t.Errorf("%s: got %s and %q", address, p.address, p.head)
		}
	}
}
