package transport

import (
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"sync"
	"time"
)

const (
	// maxIdle is how long an idle connection can be reused. It must be shorter
	// than the idle timeout of any server: a request on a connection that the
	// server is about to close is lost.
	maxIdle = 5 * time.Second
	// probeAfter is how long a connection can be idle before a goroutine reads
	// from it. Under load connections are reused sooner and need none.
	probeAfter = 10 * time.Millisecond
)

// Options describe the requests of a Pool.
type Options struct {
	// Method and URL begin each request. The scheme is http or https.
	Method string
	URL    *url.URL
	// Header is further header lines, each with "\r\n" at its end. Host and
	// Content-Length are added.
	Header string
	// TLS is the configuration of https, nil for the default.
	TLS *tls.Config
	// Gzip compresses the bodies. Header must say so.
	Gzip bool
	// Timeout limits dialing, and then the exchange to between 7/8 of it and
	// all of it.
	Timeout time.Duration
	// MaxIdle is the maximum number of idle connections.
	MaxIdle int
}

// DialError reports that there was no connection, so nothing was sent.
type DialError struct{ Err error }

// Error returns the error of dialing.
func (e *DialError) Error() string { return e.Err.Error() }

// Unwrap returns the error of dialing.
func (e *DialError) Unwrap() error { return e.Err }

// Pool sends requests that differ only in their bodies. Its methods may be
// called concurrently.
type Pool struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	address string
	head    []byte // of every request, up to the value of Content-Length
	options Options

	mu      sync.Mutex
	idle    []*conn // the most recently used last
	probing bool    // startProbes will run
	closed  bool
}

// New returns a pool without connections.
func New(options Options) *Pool {
	p := &Pool{options: options}
	base := options.URL
	dialer := &net.Dialer{Timeout: options.Timeout}
	port := base.Port()
	if base.Scheme == "https" {
		config := &tls.Config{MinVersion: tls.VersionTLS12}
		if options.TLS != nil {
			config = options.TLS.Clone()
		}
		config.NextProtos = []string{"http/1.1"}
		if config.ClientSessionCache == nil {
			config.ClientSessionCache = tls.NewLRUClientSessionCache(0) // a new connection costs the server no signature
		}
		secure := tls.Dialer{NetDialer: dialer, Config: config}
		p.dial = secure.DialContext
		if port == "" {
			port = "443"
		}
	} else {
		p.dial = dialer.DialContext
		if port == "" {
			port = "80"
		}
	}
	p.address = net.JoinHostPort(base.Hostname(), port)
	p.head = []byte(options.Method + " " + base.RequestURI() + " HTTP/1.1\r\nHost: " + base.Host +
		"\r\n" + options.Header + "Content-Length: ")
	return p
}

// Do sends the body that write appends to its argument, and calls read with the
// response, whose body may have limit bytes. It never sends a request twice.
// The error is a [DialError] if there was no connection. If the context ends
// first, the error may be that of the interrupted connection.
func (p *Pool) Do(ctx context.Context, write func([]byte) []byte, limit int, read func(Response)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c, err := p.get(ctx)
	if err != nil {
		return &DialError{Err: err}
	}
	c.watch.begin(ctx)
	got, err := c.exchange(c.build(p.head, p.options.Gzip, write), limit)
	if intact := c.watch.end(); err != nil || !intact || got.last {
		defer c.close()
	} else {
		defer p.put(c)
	}
	if err != nil {
		return err
	}
	read(got)
	return nil
}

// get returns an idle or a new connection, with its deadline set.
func (p *Pool) get(ctx context.Context) (*conn, error) {
	now := time.Now()
	c := p.take(now)
	if c == nil {
		dialed, err := p.dial(ctx, "tcp", p.address)
		if err != nil {
			return nil, err
		}
		c = newConn(dialed)
	}
	if err := c.extendDeadline(now, p.options.Timeout); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// take returns the most recently used connection that is still open, or nil. If
// that one has been idle for too long, the others have, too.
func (p *Pool) take(now time.Time) *conn {
	for {
		c := p.pop(now)
		if c == nil || c.endProbe() {
			return c
		}
		c.close()
	}
}

func (p *Pool) pop(now time.Time) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	last := len(p.idle) - 1
	if last < 0 {
		return nil
	}
	c := p.idle[last]
	if now.Sub(c.used) > maxIdle {
		p.closeIdle()
		return nil
	}
	p.idle = p.idle[:last]
	return c
}

// put keeps a connection for the next request.
func (p *Pool) put(c *conn) {
	c.shrink()
	c.used = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= p.options.MaxIdle {
		c.close()
		return
	}
	p.idle = append(p.idle, c)
	p.scheduleProbes()
}

// scheduleProbes makes startProbes run. The caller holds the lock.
func (p *Pool) scheduleProbes() {
	if !p.probing {
		p.probing = true
		time.AfterFunc(probeAfter, func() { p.startProbes(time.Now()) })
	}
}

// startProbes starts a probe on each connection that has been idle for
// probeAfter. It runs again while there are others.
func (p *Pool) startProbes(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.probing = false
	for _, c := range p.idle {
		switch {
		case c.probe != nil:
		case now.Sub(c.used) < probeAfter:
			p.scheduleProbes()
		default:
			c.startProbe()
		}
	}
}

// Close closes the idle connections. Those in use close when their requests end.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	p.closeIdle()
}

func (p *Pool) closeIdle() {
	for _, c := range p.idle {
		c.close()
	}
	p.idle = nil
}
