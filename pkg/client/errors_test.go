package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/testdb"
)

func TestClient_ConnectionRefused(t *testing.T) {
	t.Parallel()
	address := testdb.FreeAddress(t)
	c := clientOf(t, "http://"+address)
	_, err := c.Append(t.Context(), []event.Event{someEvent("a")})
	var dial *net.OpError
	reason := "can't reach http://" + address + ": connection refused"
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrNotReached) || !errors.As(err, &dial) || dial.Op != "dial" {
		t.Errorf("append: %v", err)
	}
	if err.Error() != "publish: "+reason {
		t.Errorf("append has the message %v", err)
	}
	if _, err = c.Stats(t.Context()); !errors.Is(err, store.ErrUnavailable) || !errors.As(err, &dial) || err.Error() != "read stats: "+reason {
		t.Errorf("stats: %v", err)
	}
	if err = c.Ready(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("ready: %v", err)
	}
}

func TestParseRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"0": 0, "5": 5 * time.Second, "99999999": maxRetryAfter,
		"Fri, 19 Dec 2025 12:00:30 GMT": 30 * time.Second,
		"Fri, 19 Dec 2025 11:00:00 GMT": 0,
		"":                              -1, "soon": -1, "-1": -1, "1.5": -1, "99999999999999999999": -1,
	} {
		got, ok := parseRetryAfter(text, now)
		if ok != (want >= 0) || (ok && got != want) {
			t.Errorf("%q: %v, %t", text, got, ok)
		}
	}
}

func TestConnectionError_Message(t *testing.T) {
	t.Parallel()
	unknown := &net.DNSError{Err: "no such host", Name: "h", Server: "192.0.2.53:53", IsNotFound: true}
	for name, row := range map[string]struct {
		reached bool
		err     error
		want    string
	}{
		"no server":            {false, &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}, "can't reach http://h: connection refused"},
		"an unknown host name": {false, &net.OpError{Op: "dial", Err: unknown}, "can't reach http://h: no such host"},
		"a connection reset":   {true, &net.OpError{Op: "read", Err: syscall.ECONNRESET}, "no response from http://h: connection reset by peer"},
		"a closed connection":  {true, fmt.Errorf("reading: %w", io.ErrUnexpectedEOF), "no response from http://h: the connection was closed"},
		"a timeout":            {true, &url.Error{Op: "Get", URL: "http://h/stats", Err: context.DeadlineExceeded}, "no response from http://h: timed out"},
		"an explained error":   {true, &url.Error{Op: "Get", URL: "http://h/stats", Err: errors.New("bad certificate")}, "no response from http://h: bad certificate"},
		"any other error":      {false, errors.New("odd"), "can't reach http://h: odd"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := &ConnectionError{Server: "http://h", Reached: row.reached, Err: row.err}
			if err.Error() != row.want || !errors.Is(err, row.err) || !store.Temporary(err) || errors.Is(err, store.ErrNotReached) == row.reached || !strings.HasSuffix(row.want, ": "+err.Cause()) {
				t.Errorf("%v, expected %s", err, row.want)
			}
		})
	}
}

func TestResponseError_ListsFieldErrors(t *testing.T) {
	t.Parallel()
	err := response{status: 422, body: []byte(`{"detail":"The query has invalid parameters.","errors":[{"field":"limit","message":"must be …"}]}`)}.err()
	const want = "server responded 422 Unprocessable Entity: The query has invalid parameters. [limit must be …]"
	if err.Error() != want {
		t.Errorf("got %q", err)
	}
}

// The README lists these statuses.
func TestResponseError_Temporary(t *testing.T) {
	t.Parallel()
	temporary := map[int]bool{408: true, 429: true, 502: true, 503: true, 504: true}
	for status := 300; status < 600; status++ {
		if err := (response{status: status}).err(); store.Temporary(err) != temporary[status] {
			t.Errorf("%v: temporary is %t", err, !temporary[status])
		}
	}
}

func FuzzRetryAfter(f *testing.F) {
	for _, seed := range []string{"1", "", "Fri, 19 Dec 2025 12:00:30 GMT", "-5", "9e9"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if wait, _ := parseRetryAfter(text, time.Now()); wait < 0 || wait > maxRetryAfter {
			t.Errorf("%q: %v", text, wait)
		}
	})
}
