package exchange

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

const question = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

// pair is both ends of a TCP connection: what a Conn asks, the test answers.
func pair(t *testing.T) (*Conn, *net.TCPConn) {
	t.Helper()
	var config net.ListenConfig
	listener, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	var dialer net.Dialer
	dialed, err := dialer.DialContext(t.Context(), "tcp", listener.Addr().String())
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
	c := New(dialed)
	t.Cleanup(func() { _, _ = c.Close(), peer.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c, peer
}

// hear reads a question at the other end.
func hear(t *testing.T, peer net.Conn) {
	t.Helper()
	if _, err := io.ReadFull(peer, make([]byte, len(question))); err != nil {
		t.Error(err)
	}
}

// answerOf is an answer in the common form that is so long with its head.
func answerOf(length int) string {
	body := bodyOf(length)
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func bodyOf(length int) []byte {
	const head = len("HTTP/1.1 200 OK\r\nContent-Length: 984\r\n\r\n")
	return bytes.Repeat([]byte("x"), length-head)
}

func TestAnswersComeBackWholeHoweverTheyCome(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789", 5000)
	tests := map[string]struct {
		pieces []string
		want   Answer
	}{
		"in the common form": {[]string{common}, Answer{Status: 200, Body: []byte("true")}},
		"in two pieces":      {[]string{common[:30], common[30:]}, Answer{Status: 200, Body: []byte("true")}},
		"longer than is received at once": {
			[]string{fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(long), long)},
			Answer{Status: 200, Body: []byte(long)},
		},
		"in pieces of a byte": {strings.Split(common, ""), Answer{Status: 200, Body: []byte("true")}},
		"after one that says to go on": {
			[]string{"HTTP/1.1 100 Continue\r\n\r\n", common},
			Answer{Status: 200, Body: []byte("true")},
		},
		"as long as is received at once":          {[]string{answerOf(commonBytes)}, Answer{Status: 200, Body: bodyOf(commonBytes)}},
		"a byte longer than is received at once":  {[]string{answerOf(commonBytes + 1)}, Answer{Status: 200, Body: bodyOf(commonBytes + 1)}},
		"a byte shorter than is received at once": {[]string{answerOf(commonBytes - 1)}, Answer{Status: 200, Body: bodyOf(commonBytes - 1)}},
		"in chunks": {
			[]string{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ntr", "ue\r\n0\r\n\r\n"},
			Answer{Status: 200, Body: []byte("true")},
		},
		"with the wish to wait": {
			[]string{"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nContent-Length: 0\r\n\r\n"},
			Answer{Status: 503, RetryAfter: "3"},
		},
		"for the last time": {
			[]string{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 4\r\n\r\ntrue"},
			Answer{Status: 200, Body: []byte("true"), Last: true},
		},
		"with something after it that nobody asked for": {[]string{common + common}, Answer{Status: 200, Body: []byte("true"), Last: true}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, peer := pair(t)
			var group sync.WaitGroup
			group.Go(func() {
				hear(t, peer)
				for i, piece := range test.pieces {
					if i > 0 { // seldom in one with the piece before
						<-time.After(20 * time.Millisecond / time.Duration(len(test.pieces)))
					}
					_, _ = io.WriteString(peer, piece)
				}
			})
			got, err := c.Exchange([]byte(question), 1<<20)
			group.Wait()
			if err != nil || got.Status != test.want.Status || got.RetryAfter != test.want.RetryAfter ||
				!bytes.Equal(got.Body, test.want.Body) || got.Last != test.want.Last {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
}

func TestExchangesFollowEachOtherWhateverTheirSize(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, _ = w.Write(body)
	}))
	t.Cleanup(server.Close)
	var group sync.WaitGroup
	for worker := range 8 {
		group.Go(func() {
			var dialer net.Dialer
			dialed, err := dialer.DialContext(t.Context(), "tcp", server.Listener.Addr().String())
			if err != nil {
				t.Error(err)
				return
			}
			c := New(dialed)
			defer func() { _ = c.Close() }()
			for i := range 200 {
				size := 10 + (worker+i)%7*100
				if i%100 == 99 {
					size = 4 << 20 // more than the sockets take at once
				}
				body := bytes.Repeat([]byte{byte('a' + i%26)}, size)
				request := fmt.Appendf(nil, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", size, body)
				got, err := c.Exchange(request, size)
				if err != nil || got.Status != http.StatusOK || !bytes.Equal(got.Body, body) {
					t.Errorf("exchange %d of %d bytes: %d with %d bytes, %v", i, size, got.Status, len(got.Body), err)
					return
				}
			}
		})
	}
	group.Wait()
}

func TestLongAnswersAreRefused(t *testing.T) {
	t.Parallel()
	c, peer := pair(t)
	var group sync.WaitGroup
	group.Go(func() { hear(t, peer); _, _ = io.WriteString(peer, common) })
	if _, err := c.Exchange([]byte(question), 3); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("4 bytes where 3 are allowed: %v", err)
	}
	group.Wait()
}

// TestAServerThatTurnsAwayWithoutListeningIsHeard is about one that answers as
// soon as it is connected, and then waits for the client to hang up.
func TestAServerThatTurnsAwayWithoutListeningIsHeard(t *testing.T) {
	t.Parallel()
	const busy = "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 3\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
	c, peer := pair(t)
	if _, err := io.WriteString(peer, busy); err != nil {
		t.Fatal(err)
	}
	if err := peer.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	<-time.After(20 * time.Millisecond) // in which the poller sees it, most times; where not, nothing is shown
	got, err := c.Exchange([]byte(question), 1<<10)
	if err != nil || got.Status != http.StatusServiceUnavailable || got.RetryAfter != "3" || !got.Last {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestTheDeadlineEndsAnExchangeWithASilentPeer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ request string }{
		"that reads":                         {question},
		"that doesn't take the request even": {question + strings.Repeat("x", 32<<20)},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := pair(t)
			timer := time.AfterFunc(50*time.Millisecond, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
			defer timer.Stop()
			_, err := c.Exchange([]byte(test.request), 1<<10)
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestAConnectionThatEndsIsAnError(t *testing.T) {
	t.Parallel()
	tests := map[string]func(*testing.T, *net.TCPConn){
		"without reading": func(*testing.T, *net.TCPConn) {},
		"without an answer": func(t *testing.T, peer *net.TCPConn) {
			t.Helper()
			hear(t, peer)
		},
		"in mid-answer": func(t *testing.T, peer *net.TCPConn) {
			t.Helper()
			hear(t, peer)
			_, _ = io.WriteString(peer, common[:len(common)-1])
		},
		"by a reset": func(t *testing.T, peer *net.TCPConn) {
			t.Helper()
			hear(t, peer)
			_ = peer.SetLinger(0)
		},
	}
	for name, before := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, peer := pair(t)
			var group sync.WaitGroup
			group.Go(func() { before(t, peer); _ = peer.Close() })
			if got, err := c.Exchange([]byte(question), 1<<10); err == nil {
				t.Errorf("got %+v", got)
			}
			group.Wait()
		})
	}
}

func TestAnAnswerIsWorthMoreThanTheErrorOfSending(t *testing.T) {
	t.Parallel()
	c, peer := pair(t)
	var group sync.WaitGroup
	group.Go(func() {
		hear(t, peer)
		_, _ = io.WriteString(peer, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
		_ = peer.Close() // resets the connection, as there is more to read
	})
	got, err := c.Exchange([]byte(question+strings.Repeat("x", 32<<20)), 1<<10)
	group.Wait()
	if err != nil || got.Status != http.StatusRequestEntityTooLarge || !got.Last {
		t.Errorf("got %+v, %v", got, err)
	}
}

// TestAnAnswerThatComesWithTheEndIsTaken is about a server that closes in the
// same moment, which may be before anybody waits for the answer.
func TestAnAnswerThatComesWithTheEndIsTaken(t *testing.T) {
	t.Parallel()
	for range 200 {
		c, peer := pair(t)
		var group sync.WaitGroup
		group.Go(func() {
			hear(t, peer)
			_, _ = io.WriteString(peer, common)
			_ = peer.Close()
		})
		got, err := c.Exchange([]byte(question), 1<<10)
		group.Wait()
		if err != nil || string(got.Body) != "true" {
			t.Fatalf("got %+v, %v", got, err)
		}
	}
}

func TestQuietKnowsAConnectionThatEndedWhileItLayIdle(t *testing.T) {
	t.Parallel()
	c, peer := pair(t)
	for range 2 { // looking at it does no harm
		if !c.Quiet() {
			t.Fatal("an open connection is not quiet")
		}
		var group sync.WaitGroup
		group.Go(func() { hear(t, peer); _, _ = io.WriteString(peer, common) })
		if _, err := c.Exchange([]byte(question), 1<<10); err != nil {
			t.Fatal(err)
		}
		group.Wait()
	}
	if err := peer.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(10 * time.Second); c.Quiet(); {
		if time.Now().After(deadline) {
			t.Fatal("a connection that the peer has ended is quiet")
		}
	}
}

func TestOtherConnectionsThanTCPWorkToo(t *testing.T) {
	t.Parallel()
	near, far := net.Pipe()
	c := New(near)
	t.Cleanup(func() { _, _ = c.Close(), far.Close() })
	var group sync.WaitGroup
	group.Go(func() { hear(t, far); _, _ = io.WriteString(far, common) })
	got, err := c.Exchange([]byte(question), 1<<10)
	group.Wait()
	if err != nil || string(got.Body) != "true" || !c.Quiet() {
		t.Errorf("got %+v, %v", got, err)
	}
}
