package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// prefaceHTTP2 begins a connection of HTTP/2 with empty settings.
const prefaceHTTP2 = http2.ClientPreface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"

// openHTTP2 opens a connection of HTTP/2 and reports whether the server keeps it open: it
// sends its own settings.
func (c *crowd) openHTTP2(from string) bool {
	c.t.Helper()
	conn := c.open(from, prefaceHTTP2)
	_ = conn.SetReadDeadline(time.Now().Add(suitetest.Timeout))
	_, err := conn.Read(make([]byte, 1))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		c.t.Fatal("the server neither responds nor closes the connection")
	}
	return err == nil
}

// makeBusy sends a request on a connection of HTTP/2 whose body never ends.
func (c *crowd) makeBusy(conn net.Conn) {
	c.t.Helper()
	client := newRawHTTP2(conn)
	client.open(c.t, 1, false, ":method POST", ":path /publish", "content-type application/json")
	suitetest.Eventually(c.t, "the connection is busy", func() bool {
		l := c.server.connections.Load()
		l.mu.Lock()
		defer l.mu.Unlock()
		for tracked := range l.open {
			if tracked.RemoteAddr().String() == conn.LocalAddr().String() {
				return tracked.idleSince.Load() == 0
			}
		}
		return false
	})
}

func TestConnections_OfHTTP2HaveALimitOfTheirOwn(t *testing.T) {
	t.Parallel()
	const share = 6 // three quarters of 8
	c := newCrowd(t, 128)
	for i := range share {
		if !c.openHTTP2(attacker) {
			t.Fatalf("connection %d of %d is closed", i, share)
		}
		c.makeBusy(c.conns[i])
	}
	if c.openHTTP2(attacker) {
		t.Error("a connection above the share of its address stays open")
	}
	if got := c.limited(); !cmp.Equal(got, []string{"refused"}) {
		t.Errorf("results %q", got)
	}
	if status := c.get(attacker, "/stats"); status != http.StatusOK {
		t.Errorf("HTTP/1.1 of the same address: status %d", status)
	}
	_ = c.conns[0].Close()
	suitetest.Eventually(t, "the place of a closed connection is free", func() bool { return c.openHTTP2(attacker) })
	if !c.openHTTP2(client) {
		t.Error("a connection of another address is closed")
	}
}

func TestConnections_OfHTTP2CloseIdleOnesFirst(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, 128)
	for range 7 {
		if !c.openHTTP2(attacker) {
			t.Fatal("a connection is closed, while others are idle")
		}
	}
	if got := c.limited(); !cmp.Equal(got, []string{"idle_closed"}) {
		t.Errorf("results %q", got)
	}
}

func TestConnections_OfHTTP2ThroughProxiesHaveNoShare(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, 128, func(o *Options) { o.Proxies = auth.Proxies{netip.MustParsePrefix("127.0.0.2/32")} })
	for i := range 8 {
		if !c.openHTTP2(attacker) {
			t.Fatalf("connection %d of a proxy is closed", i)
		}
		c.makeBusy(c.conns[i])
	}
	if c.openHTTP2(attacker) {
		t.Error("a connection above the limit stays open")
	}
}

func TestConnections_OfHTTP2OverTLSCount(t *testing.T) {
	t.Parallel()
	s := serveTLS(t, func(o *Options) { o.MaxConnections = 128 })
	config := &tls.Config{RootCAs: s.authority.Pool(), NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS12}
	served := 0
	for range 8 {
		conn, err := tls.Dial("tcp", s.address, config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		if servesUnread(t, conn) {
			served++
		}
	}
	if served != 6 {
		t.Errorf("%d of 8 connections are served, want three quarters of 8", served)
	}
}

// servesUnread sends a request of HTTP/2 and reports whether it gets the header of a
// response. It does not read the body, so the connection stays busy.
func servesUnread(t *testing.T, conn net.Conn) bool {
	t.Helper()
	var out bytes.Buffer
	out.WriteString(http2.ClientPreface)
	client := newRawHTTP2(conn)
	client.framer = http2.NewFramer(&out, conn)
	if err := client.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize}); err != nil {
		t.Fatal(err)
	}
	client.get(t, 1, "/stats")
	_, _ = conn.Write(out.Bytes()) // fails if the server has closed the connection
	_ = conn.SetReadDeadline(time.Now().Add(suitetest.Timeout))
	for {
		frame, err := client.framer.ReadFrame()
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			t.Fatal("the server neither responds nor closes the connection")
		case err != nil:
			return false
		}
		if _, response := frame.(*http2.HeadersFrame); response {
			return true
		}
	}
}

func TestMatchPreface_OfParts(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		parts []string
		want  bool
	}{
		"the preface at once":   {[]string{http2.ClientPreface}, true},
		"byte by byte":          {[]string{"P", "R", "I", " * HTTP/2", ".", "0\r\n"}, true},
		"a request of HTTP/1.1": {[]string{"POST / HTTP/1.1\r\n", "PRI * HTTP/2.0"}, false},
		"another method":        {[]string{"PRI", "NT / HTTP/1.1"}, false},
		"not yet complete":      {[]string{"PRI * HTTP/2."}, false},
		"empty reads":           {[]string{"", "PRI * HTTP/2.0"}, true},
	} {
		c, got := new(trackedConn), false
		for _, part := range row.parts {
			if c.preface >= 0 && c.preface < len(http2Preface) {
				got = c.matchPreface([]byte(part)) || got
			}
		}
		if got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
