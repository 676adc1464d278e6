package server

import (
	"bufio"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// crowd is a server with many connections.
type crowd struct {
	t       *testing.T
	server  *Server
	address string
	conns   []net.Conn

	mu      sync.Mutex
	results []string // of Options.OnConnectionLimit
}

func newCrowd(t *testing.T, limit int, change ...func(*Options)) *crowd {
	t.Helper()
	c := &crowd{t: t}
	c.server = serverWith(new(memory), append(change, func(o *Options) {
		o.MaxConnections = limit
		o.OnConnectionLimit = func(result string) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.results = append(c.results, result)
		}
	})...)
	c.address = serveRaw(t, c.server)
	t.Cleanup(func() {
		for _, conn := range c.conns {
			_ = conn.Close()
		}
	})
	return c
}

// open opens a connection from an address of this machine and sends a text.
func (c *crowd) open(from, text string) net.Conn {
	c.t.Helper()
	dialer := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(from), 0))}
	conn, err := dialer.DialContext(c.t.Context(), "tcp", c.address)
	if err != nil {
		c.t.Fatal(err)
	}
	c.conns = append(c.conns, conn)
	if _, err := conn.Write([]byte(text)); err != nil {
		c.t.Fatal(err)
	}
	return conn
}

// get sends a request on a new connection and returns the status of its response, 0 if
// the server closes the connection. The connection stays open.
func (c *crowd) get(from, path string) int {
	c.t.Helper()
	response, err := http.ReadResponse(bufio.NewReader(c.open(from, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n\r\n")), nil)
	if err != nil {
		return 0
	}
	_ = response.Body.Close()
	return response.StatusCode
}

// idle opens a number of connections that are used once, and then idle. The first one is
// idle for the longest time: the server marks a connection after its response.
func (c *crowd) idle(from string, n int) {
	c.t.Helper()
	for i := range n {
		if status := c.get(from, "/stats"); status != http.StatusOK {
			c.t.Fatalf("an idle connection of %s: status %d", from, status)
		}
		c.await(func(conn *trackedConn) bool { return conn.idleSince.Load() != 0 }, from, i+1)
	}
}

// busy opens a number of connections whose request never ends.
func (c *crowd) busy(from string, n int) {
	c.t.Helper()
	for range n {
		c.open(from, "POST /publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{")
	}
	c.await(func(conn *trackedConn) bool { return conn.idleSince.Load() == 0 }, from, n)
}

// await waits until a client has n connections of a kind.
func (c *crowd) await(kind func(*trackedConn) bool, from string, n int) {
	c.t.Helper()
	suitetest.Eventually(c.t, "the address has so many connections of the kind", func() bool {
		found := 0
		l := c.server.connections.Load()
		if l == nil {
			return false // the server has not begun to listen
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		for conn := range l.open {
			if conn.client == from+"/32" && kind(conn) {
				found++
			}
		}
		return found == n
	})
}

// limited returns the results so far.
func (c *crowd) limited() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.results
}

const (
	attacker = "127.0.0.2"
	client   = "127.0.0.3"
)

func TestConnections_IdleOnesAreClosedFirst(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, 8)
	c.idle(attacker, 6) // three quarters
	if status := c.get(attacker, "/stats"); status != http.StatusOK {
		t.Errorf("a connection above the share, while others are idle: status %d", status)
	}
	if got := c.limited(); !cmp.Equal(got, []string{"idle_closed"}) {
		t.Errorf("results %q", got)
	}
	_ = c.conns[0].SetReadDeadline(time.Now().Add(suitetest.Timeout))
	if _, err := c.conns[0].Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the connection that was idle for the longest time is open: %v", err)
	}
	if status := c.get(client, "/stats"); status != http.StatusOK || len(c.limited()) != 1 {
		t.Errorf("a connection of another address: status %d, results %q", status, c.limited())
	}
}

func TestConnections_OneAddressLeavesSomeToOthers(t *testing.T) {
	t.Parallel()
	var log lockedBuffer
	c := newCrowd(t, 8, logTo(&log))
	c.busy(attacker, 6)
	for path, status := range map[string]int{"/stats": 503, "/events": 503, "/healthz": 200, "/readyz": 200} {
		if got := c.get(attacker, path); got != status {
			t.Errorf("%s of an address with all its connections busy: status %d, want %d", path, got, status)
		}
	}
	if status := c.get(client, "/stats"); status != http.StatusOK {
		t.Errorf("another address: status %d", status)
	}
	if got := c.limited(); len(got) != 4 || got[0] != "unavailable" {
		t.Errorf("results %q", got)
	}
	if !strings.Contains(log.String(), `msg="too many connections" address=127.0.0.2/32 limit=8`) {
		t.Errorf("log: %s", log.String())
	}
}

// TestConnections_HealthIsServedBesideFlood: an address that also takes the connections
// above the limit leaves some of them to others.
func TestConnections_HealthIsServedBesideFlood(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, 8)
	c.busy(attacker, 6)
	for range 80 {
		c.open(attacker, "G") // an incomplete request
	}
	for range 3 {
		if status := c.get(client, "/healthz"); status != http.StatusOK {
			t.Errorf("health of another address: status %d", status)
		}
	}
	refused := 0
	for _, result := range c.limited() {
		if result == "refused" {
			refused++
		}
	}
	if refused < 20 {
		t.Errorf("%d connections were refused: %q", refused, c.limited())
	}
}

func TestConnections_ProxiesHaveNoShare(t *testing.T) {
	t.Parallel()
	c := newCrowd(t, 8, func(o *Options) { o.Proxies = auth.Proxies{netip.MustParsePrefix("127.0.0.2/32")} })
	c.busy(attacker, 8)
	if status := c.get(attacker, "/stats"); status != http.StatusServiceUnavailable {
		t.Errorf("above the limit: status %d", status)
	}
}

func TestConnectionLimit_LeavesDescriptors(t *testing.T) {
	t.Parallel()
	for _, row := range [][3]int{{8192, 0, 8192}, {8192, 1 << 20, 8192}, {8192, 1024, 896}, {8192, 100, 50}, {10, 1024, 10}, {10, 1, 1}} {
		if got := connectionLimit(row[0], row[1]); got != row[2] {
			t.Errorf("%d wanted with %d descriptors: %d, want %d", row[0], row[1], got, row[2])
		}
	}
}

// lockedBuffer is a text that several goroutines write.
type lockedBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
