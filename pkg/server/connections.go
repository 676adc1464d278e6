package server

import (
	"cmp"
	"crypto/tls"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/fair"
)

// connections is a listener that limits the number of open connections, and the number
// that one address has; see [fair.Shares]. For a new connection above a limit
//
//   - it closes idle connections: those of the same address, or otherwise those of
//     addresses that have more;
//   - if there are none, it accepts the connection as scarce: all requests get 503, except
//     for health and metrics;
//   - if there are too many scarce connections, too, it closes the new one.
//
// The limit of an address does not apply to trusted proxies, because all their clients
// have one address.
type connections struct {
	net.Listener

	limit   int64
	proxies auth.Proxies
	log     *slog.Logger
	onLimit func(result string)

	mu       sync.Mutex
	nextScan time.Time // of idle connections, not before
	open     map[*trackedConn]struct{}
	normal   *fair.Shares // of connections that are not scarce
	scarce   *fair.Shares // of scarce connections
	http2    *fair.Shares // of connections of HTTP/2, which count in one of the others, too
}

// Results of a connection above the limit, as in Options.OnConnectionLimit.
const (
	connectionIdleClosed  = "idle_closed"
	connectionUnavailable = "unavailable"
	connectionRefused     = "refused"
)

func newConnections(inner net.Listener, limit int, o Options) *connections {
	l := &connections{
		Listener: inner, limit: int64(limit), proxies: o.Proxies, log: o.Logger, onLimit: o.OnConnectionLimit,
		open: map[*trackedConn]struct{}{}, normal: fair.NewShares(int64(limit)), scarce: fair.NewShares(maxScarce),
		http2: fair.NewShares(http2Limit(limit)),
	}
	if l.onLimit == nil {
		l.onLimit = func(string) {}
	}
	return l
}

// maxScarce is the maximum number of scarce connections.
const maxScarce = 64

// connectionLimit returns how many connections a process may have: wanted, or fewer if
// the system allows fewer descriptors. It leaves descriptors for scarce connections, and
// as many for the database.
func connectionLimit(wanted, descriptors int) int {
	if descriptors == 0 {
		return wanted
	}
	return max(1, min(wanted, descriptors-2*reserved(descriptors)))
}

// trackedConn is a connection that is counted.
type trackedConn struct {
	net.Conn

	listener *connections
	client   string // the address, as a key of the shares
	trusted  bool   // a proxy
	scarce   bool
	// idleSince is the time in nanoseconds at which the connection became idle, 0 while
	// it is not. It is written for each request, so it needs no lock.
	idleSince atomic.Int64

	preface int  // bytes of the preface of HTTP/2 that were read; only used by Read
	agreed  bool // whether the handshake of TLS has ended; only used by trackState
	http2   bool // whether it counts as a connection of HTTP/2; guarded by listener.mu
}

// Close implements [net.Conn].
func (c *trackedConn) Close() error {
	c.listener.remove(c)
	return c.Conn.Close()
}

// Accept implements [net.Listener].
func (l *connections) Accept() (net.Conn, error) {
	for {
		inner, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		address := addressOf(inner)
		conn := &trackedConn{Conn: inner, listener: l, trusted: l.proxies.Contains(address)}
		conn.client = auth.AddressPrefix(address).String()
		if _, scarce := inner.(*scarceConn); scarce {
			conn.scarce = true
			l.add(conn)
			return conn, nil
		}
		if l.admit(conn) {
			return conn, nil
		}
		_ = inner.Close()
	}
}

// admit reports whether a connection is accepted. It may close idle ones for it.
func (l *connections) admit(conn *trackedConn) bool {
	if l.add(conn) {
		return true
	}
	if idle := l.idle(conn.client, l.normal); len(idle) > 0 {
		for _, other := range idle {
			_ = other.Close()
		}
		l.onLimit(connectionIdleClosed)
		if l.add(conn) {
			return true
		}
	}
	conn.scarce = true
	admitted := l.add(conn)
	result, consequence := connectionUnavailable, "its requests get 503, except for health checks and metrics"
	if !admitted {
		result, consequence = connectionRefused, "it is closed"
	}
	l.onLimit(result)
	l.log.Warn("too many connections", slog.String("address", conn.client), slog.Int64("limit", l.limit),
		slog.Int("open", l.count()), slog.String("consequence", consequence))
	return admitted
}

// add counts a connection, if it is within the limits.
func (l *connections) add(conn *trackedConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	shares := l.sharesOf(conn)
	fits := shares.Fits(conn.client, 1)
	if conn.trusted && !conn.scarce {
		fits = shares.Used() < l.limit
	}
	if fits {
		shares.Take(conn.client, 1)
		l.open[conn] = struct{}{}
	}
	return fits
}

func (l *connections) sharesOf(conn *trackedConn) *fair.Shares {
	if conn.scarce {
		return l.scarce
	}
	return l.normal
}

// remove no longer counts a connection. A second call does nothing.
func (l *connections) remove(conn *trackedConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, open := l.open[conn]; !open {
		return
	}
	delete(l.open, conn)
	l.sharesOf(conn).Take(conn.client, -1)
	if conn.http2 {
		l.http2.Take(conn.client, -1)
	}
}

// count returns the number of open connections.
func (l *connections) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open)
}

// A search for idle connections checks all of them. So it closes one in idleDivisor of
// those that it finds. If it finds none, the next search is idleInterval later.
const (
	idleDivisor  = 16
	idleInterval = 50 * time.Millisecond
)

// idle returns the connections that have been idle longest: of a client, or otherwise of
// clients that have more connections. Only connections that count in the shares are
// returned: all of them, or those of HTTP/2.
func (l *connections) idle(client string, shares *fair.Shares) []*trackedConn {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().Before(l.nextScan) {
		return nil
	}
	var own, others []*trackedConn
	held := shares.Held(client)
	for conn := range l.open {
		switch {
		case conn.idleSince.Load() == 0 || conn.scarce || shares == l.http2 && !conn.http2:
		case conn.client == client:
			own = append(own, conn)
		case shares.Held(conn.client) > held:
			others = append(others, conn)
		}
	}
	found := own
	if len(found) == 0 {
		found = others
	}
	if len(found) == 0 {
		l.nextScan = time.Now().Add(idleInterval)
		return nil
	}
	slices.SortFunc(found, func(a, b *trackedConn) int { return cmp.Compare(a.idleSince.Load(), b.idleSince.Load()) })
	return found[:(len(found)+idleDivisor-1)/idleDivisor]
}

// trackedOf returns the connection below net/http and TLS, nil if it is not counted.
func trackedOf(conn net.Conn) *trackedConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	tracked, _ := conn.(*trackedConn)
	return tracked
}
