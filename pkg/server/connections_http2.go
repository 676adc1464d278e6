package server

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// A connection of HTTP/2 can have 100 requests, and net/http starts a goroutine of about
// 10 KB for each of them before this program can refuse it. So these connections have a
// limit of their own: one in http2Divisor of all, of which each address has a share. With
// 3,000 connections from one address and 100 requests on each, the server took 409 MB.
const (
	http2Divisor = 16
	minHTTP2     = 8
)

// http2Preface is the beginning of a connection of HTTP/2 without TLS.
const http2Preface = "PRI * HTTP/2.0"

func http2Limit(connections int) int64 {
	return int64(max(connections/http2Divisor, min(connections, minHTTP2)))
}

// Read implements [net.Conn]. A connection that begins HTTP/2 above the limit ends here,
// before net/http has allocated anything for it.
func (c *trackedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if c.preface >= 0 && c.preface < len(http2Preface) && c.matchPreface(p[:n]) && !c.listener.admitHTTP2(c) {
		_ = c.Close()
		return 0, io.EOF
	}
	return n, err
}

// matchPreface compares the next bytes of the connection with the preface, and reports
// whether it is complete. After the first difference preface is negative.
func (c *trackedConn) matchPreface(text []byte) bool {
	for _, b := range text[:min(len(text), len(http2Preface)-c.preface)] {
		if b != http2Preface[c.preface] {
			c.preface = -1
			return false
		}
		c.preface++
	}
	return c.preface == len(http2Preface)
}

// trackState is [http.Server.ConnState]. For HTTP/2 over TLS, net/http calls it before it
// reads the first request.
func trackState(conn net.Conn, state http.ConnState) {
	tracked := trackedOf(conn)
	if tracked == nil {
		return
	}
	if secure, ok := conn.(*tls.Conn); ok && state == http.StateActive && !tracked.agreed {
		tracked.agreed = true
		if secure.ConnectionState().NegotiatedProtocol == "h2" && !tracked.listener.admitHTTP2(tracked) {
			_ = tracked.Close()
		}
	}
	if state == http.StateIdle {
		tracked.idleSince.Store(time.Now().UnixNano())
	} else {
		tracked.idleSince.Store(0)
	}
}

// admitHTTP2 counts a connection as one of HTTP/2, and reports whether it is within the
// limit. It may close idle ones for it.
func (l *connections) admitHTTP2(conn *trackedConn) bool {
	if l.addHTTP2(conn) {
		return true
	}
	if idle := l.idle(conn.client, l.http2); len(idle) > 0 {
		for _, other := range idle {
			_ = other.Close()
		}
		l.onLimit(connectionIdleClosed)
		if l.addHTTP2(conn) {
			return true
		}
	}
	l.onLimit(connectionRefused)
	l.log.Warn("too many connections", slog.String("address", conn.client), slog.Int64("limit", http2Limit(int(l.limit))),
		slog.String("of", "HTTP/2"), slog.String("consequence", "it is closed"))
	return false
}

// addHTTP2 counts a connection, if it is within the limit.
func (l *connections) addHTTP2(conn *trackedConn) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, open := l.open[conn]; !open {
		return false // closed meanwhile
	}
	fits := l.http2.Fits(conn.client, 1)
	if conn.trusted {
		fits = l.http2.Used() < http2Limit(int(l.limit))
	}
	if fits {
		l.http2.Take(conn.client, 1)
		conn.http2 = true
	}
	return fits
}
