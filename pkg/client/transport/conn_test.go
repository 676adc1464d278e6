package transport

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

const request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

// tcpPair returns both ends of a TCP connection.
func tcpPair(t *testing.T) (*conn, *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	dialed, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	peer, ok := accepted.(*net.TCPConn)
	if !ok {
		t.Fatalf("accepted a %T", accepted)
	}
	c := newConn(dialed)
	t.Cleanup(func() { c.close(); _ = peer.Close() })
	if err := c.extendDeadline(time.Now(), time.Minute); err != nil {
		t.Fatal(err)
	}
	return c, peer
}

func readRequest(t *testing.T, peer net.Conn) {
	t.Helper()
	if _, err := io.ReadFull(peer, make([]byte, len(request))); err != nil {
		t.Error(err)
	}
}

// responseOf returns a response of that many bytes, head included, and its body.
func responseOf(length int) (text string, body []byte) {
	head := "HTTP/1.1 200 OK\r\nContent-Length: 16000\r\n\r\n"
	body = bytes.Repeat([]byte("x"), length-len(head))
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %05d\r\n\r\n%s", len(body), body), body
}

func TestConn_ReadsWholeResponses(t *testing.T) {
	t.Parallel()
	exact, exactBody := responseOf(maxHeadBytes)
	more, moreBody := responseOf(maxHeadBytes + 1)
	less, lessBody := responseOf(maxHeadBytes - 1)
	tests := map[string]struct {
		pieces []string
		want   Response
	}{
		"in the common form":                 {[]string{common}, Response{Status: 200, Body: []byte("true")}},
		"in two pieces":                      {[]string{common[:30], common[30:]}, Response{Status: 200, Body: []byte("true")}},
		"in pieces of a byte":                {strings.Split(common, ""), Response{Status: 200, Body: []byte("true")}},
		"with the body as a second piece":    {[]string{common[:len(common)-4], "true"}, Response{Status: 200, Body: []byte("true")}},
		"as long as the buffer":              {[]string{exact}, Response{Status: 200, Body: exactBody}},
		"a byte longer than the buffer":      {[]string{more}, Response{Status: 200, Body: moreBody}},
		"a byte shorter than the buffer":     {[]string{less}, Response{Status: 200, Body: lessBody}},
		"after 100 Continue":                 {[]string{"HTTP/1.1 100 Continue\r\n\r\n", common}, Response{Status: 200, Body: []byte("true")}},
		"in chunks":                          {[]string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntr", "ue\r\n0\r\n\r\n"}, Response{Status: 200, Body: []byte("true")}},
		"with Retry-After":                   {[]string{"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"}, Response{Status: 503, RetryAfter: "3"}},
		"with Connection: close":             {[]string{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ntrue"}, Response{Status: 200, Body: []byte("true"), last: true}},
		"with a second response in the same": {[]string{common + common}, Response{Status: 200, Body: []byte("true"), last: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			near, peer := net.Pipe() // each piece is read alone: a write waits for the read
			c := newConn(near)
			t.Cleanup(func() { c.close(); _ = peer.Close() })
			var group sync.WaitGroup
			group.Go(func() {
				readRequest(t, peer)
				for _, piece := range test.pieces {
					_, _ = io.WriteString(peer, piece)
				}
			})
			got, err := c.exchange([]byte(request), 1<<20)
			group.Wait()
			if err != nil || got.Status != test.want.Status || got.RetryAfter != test.want.RetryAfter ||
				!bytes.Equal(got.Body, test.want.Body) || got.last != test.want.last {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestConn_RefusesLongResponses(t *testing.T) {
	t.Parallel()
	c, peer := tcpPair(t)
	var group sync.WaitGroup
	group.Go(func() { readRequest(t, peer); _, _ = io.WriteString(peer, common) })
	if _, err := c.exchange([]byte(request), 3); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("4 bytes with a limit of 3: %v", err)
	}
	group.Wait()
}

// A server at its connection limit may respond as soon as it has accepted, and
// never read.
func TestConn_ReadsResponseSentBeforeTheRequest(t *testing.T) {
	t.Parallel()
	const busy = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	c, peer := tcpPair(t)
	if _, err := io.WriteString(peer, busy); err != nil {
		t.Fatal(err)
	}
	if err := peer.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := c.reader.Peek(1); err != nil { // it has arrived
		t.Fatal(err)
	}
	got, err := c.exchange([]byte(request), 1<<10)
	if err != nil || got.Status != http.StatusServiceUnavailable || got.RetryAfter != "3" || !got.last {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestConn_DeadlineEndsExchangeWithSilentPeer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ request string }{
		"that reads the request": {request},
		"that reads nothing":     {request + strings.Repeat("x", 32<<20)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := tcpPair(t)
			timer := time.AfterFunc(50*time.Millisecond, func() { _ = c.SetDeadline(past) })
			defer timer.Stop()
			if _, err := c.exchange([]byte(test.request), 1<<10); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestConn_ReportsConnectionThatEnds(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, *net.TCPConn){
		"before the request is read": func(*testing.T, *net.TCPConn) {},
		"without a response":         func(t *testing.T, peer *net.TCPConn) { readRequest(t, peer) },
		"within the response": func(t *testing.T, peer *net.TCPConn) {
			readRequest(t, peer)
			_, _ = io.WriteString(peer, common[:len(common)-1])
		},
		"by a reset": func(t *testing.T, peer *net.TCPConn) {
			readRequest(t, peer)
			_ = peer.SetLinger(0)
		},
	}
	for name, before := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, peer := tcpPair(t)
			var group sync.WaitGroup
			group.Go(func() { before(t, peer); _ = peer.Close() })
			if got, err := c.exchange([]byte(request), 1<<10); err == nil {
				t.Errorf("got %+v", got)
			}
			group.Wait()
		})
	}
}

func TestConn_PrefersResponseToWriteError(t *testing.T) {
	t.Parallel()
	c, peer := tcpPair(t)
	var group sync.WaitGroup
	group.Go(func() {
		readRequest(t, peer)
		_, _ = io.WriteString(peer, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		_ = peer.Close() // resets the connection, because there is more to read
	})
	got, err := c.exchange([]byte(request+strings.Repeat("x", 32<<20)), 1<<10)
	group.Wait()
	if err != nil || got.Status != http.StatusRequestEntityTooLarge || !got.last {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestConn_ReadsResponseOfServerThatCloses(t *testing.T) {
	t.Parallel()
	for range 200 {
		c, peer := tcpPair(t)
		var group sync.WaitGroup
		group.Go(func() {
			readRequest(t, peer)
			_, _ = io.WriteString(peer, common)
			_ = peer.Close()
		})
		got, err := c.exchange([]byte(request), 1<<10)
		group.Wait()
		if err != nil || string(got.Body) != "true" {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
}

func TestConn_ProbeKeepsOpenConnection(t *testing.T) {
	t.Parallel()
	c, peer := tcpPair(t)
	for range 3 {
		c.startProbe()
		if !c.endProbe() {
			t.Fatalf("an open connection counts as closed: %v", c.probeErr)
		}
		if err := c.extendDeadline(time.Now(), time.Minute); err != nil {
			t.Fatal(err)
		}
		var group sync.WaitGroup
		group.Go(func() { readRequest(t, peer); _, _ = io.WriteString(peer, common) })
		if _, err := c.exchange([]byte(request), 1<<10); err != nil {
			t.Fatal(err)
		}
		group.Wait()
	}
}

func TestConn_ProbeNoticesWhatThePeerDoes(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*net.TCPConn) error{
		"close": (*net.TCPConn).CloseWrite,
		"reset": func(peer *net.TCPConn) error { return errors.Join(peer.SetLinger(0), peer.Close()) },
		"error response": func(peer *net.TCPConn) error {
			_, err := io.WriteString(peer, "HTTP/1.1 408 Request Timeout\r\n\r\n")
			return err
		},
	}
	for name, act := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, peer := tcpPair(t)
			c.startProbe()
			if err := act(peer); err != nil {
				t.Fatal(err)
			}
			<-c.probe
			if c.endProbe() {
				t.Error("the connection counts as open and silent")
			}
		})
	}
}
