package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"net"
	"net/url"
	"strconv"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/client/exchange"
)

const (
	// maxIdle is how long a connection may lie unused and be used again.
	// It must be shorter than any server's patience: a request on a connection
	// that the server is about to close is lost.
	maxIdle = 5 * time.Second
	// maxAnswerBytes bounds the answer to one event. Topic and event_id are
	// in it, 767 bytes that JSON may write as six times as many.
	maxAnswerBytes = 64 << 10
	// doubtIdle is how long a connection may lie unused and not be looked at
	// before it is used again: servers end those that are idle.
	doubtIdle = 10 * time.Millisecond
	// keepBytes is how large a connection's buffer may stay.
	keepBytes = 512 << 10
)

// wire posts events over connections that are kept open. Each is used by one
// request at a time, by the goroutine that calls; there are no others.
type wire struct {
	dial    func(ctx context.Context, network, address string) (net.Conn, error)
	address string
	server  string // for people
	// head is what every request begins with, up to the length's value.
	head    []byte
	gzip    bool
	timeout time.Duration
	keep    int

	mu     sync.Mutex
	idle   []*wireConn // the latest used last
	closed bool
}

// wireConn is a connection with what a request on it needs.
type wireConn struct {
	*exchange.Conn
	watch   watch
	body    []byte
	packed  bytes.Buffer
	packer  *gzip.Writer
	request []byte
	used    time.Time
	armed   time.Time // when the deadline was set
}

func newWireConn(dialed net.Conn) *wireConn {
	conn := &wireConn{Conn: exchange.New(dialed)}
	conn.watch.interrupt = func() { _ = conn.SetDeadline(time.Unix(1, 0)) }
	return conn
}

func (c *wireConn) close() {
	c.watch.forget()
	_ = c.Close()
}

func newWire(base *url.URL, options Options) *wire {
	w := &wire{gzip: options.Gzip, timeout: options.Timeout, keep: options.Concurrency, server: base.String()}
	dialer := &net.Dialer{Timeout: options.Timeout}
	port := base.Port()
	if base.Scheme == "https" {
		secure := tls.Dialer{NetDialer: dialer, Config: &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}}
		w.dial = secure.DialContext
		if port == "" {
			port = "443"
		}
	} else {
		w.dial = dialer.DialContext
		if port == "" {
			port = "80"
		}
	}
	w.address = net.JoinHostPort(base.Hostname(), port)
	target := *base
	target.Path += api.PathPublish
	w.head = []byte("POST " + target.EscapedPath() + " HTTP/1.1\r\nHost: " + base.Host +
		"\r\nUser-Agent: " + options.UserAgent + "\r\n" + describe(options) + "Content-Length: ")
	return w
}

// describe is the part of the head that says what the bodies are.
func describe(options Options) string {
	text := "Content-Type: " + api.TypeJSON + "\r\n"
	if options.Lines {
		text = "Content-Type: " + api.TypeLines + "\r\n"
	}
	if options.Gzip {
		text += "Content-Encoding: gzip\r\n"
	}
	return text
}

// post sends the body that write appends and hands the answer, which may have
// limit bytes, to read, which must not keep it. It returns what read returns; an
// error before that is the context's or of a lost connection.
func (w *wire) post(ctx context.Context, write func([]byte) []byte, limit int, read func(answer) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	conn, err := w.get(ctx)
	if err != nil {
		return lost(ctx, &LostError{Server: w.server, Err: err})
	}
	conn.watch.begin(ctx)
	got, err := conn.Exchange(w.fill(conn, write), limit)
	if intact := conn.watch.end(); err != nil || !intact || got.Last {
		defer conn.close()
	} else {
		defer w.put(conn)
	}
	if err != nil {
		return lost(ctx, &LostError{Server: w.server, Reached: true, Err: err})
	}
	return read(answer{status: got.Status, retryAfter: got.RetryAfter, body: got.Body})
}

// fill writes a request into the connection's buffer.
func (w *wire) fill(conn *wireConn, write func([]byte) []byte) []byte {
	conn.body = write(conn.body[:0])
	body := conn.body
	if w.gzip {
		body = conn.pack(body)
	}
	conn.request = strconv.AppendInt(append(conn.request[:0], w.head...), int64(len(body)), 10)
	conn.request = append(conn.request, "\r\n\r\n"...)
	conn.request = append(conn.request, body...)
	return conn.request
}

// pack compresses a body. The fastest level: it is the network that is spared.
func (c *wireConn) pack(body []byte) []byte {
	c.packed.Reset()
	if c.packer == nil {
		c.packer, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for other levels only
	}
	c.packer.Reset(&c.packed)
	_, _ = c.packer.Write(body) // to memory, which can't fail
	_ = c.packer.Close()
	return c.packed.Bytes()
}

// get returns a connection that nobody else uses, with its deadline set.
func (w *wire) get(ctx context.Context) (*wireConn, error) {
	for now := time.Now(); ; {
		conn := w.take(now)
		fresh := conn == nil || now.Sub(conn.used) < doubtIdle
		if conn == nil {
			dialed, err := w.dial(ctx, "tcp", w.address)
			if err != nil {
				return nil, err
			}
			conn = newWireConn(dialed)
		}
		if err := conn.arm(now, w.timeout); err != nil {
			conn.close()
			return nil, err
		}
		if fresh || conn.Quiet() {
			return conn, nil
		}
		conn.close() // the server has ended it
	}
}

// arm sets the deadline. To move it costs about as much as writing the request's
// text, so it moves when an eighth of it has passed.
func (c *wireConn) arm(now time.Time, timeout time.Duration) error {
	if now.Sub(c.armed) <= timeout/8 {
		return nil
	}
	c.armed = now
	return c.SetDeadline(now.Add(timeout))
}

// take returns the connection used last, if it is fresh. Where it isn't, none
// of the others is.
func (w *wire) take(now time.Time) *wireConn {
	w.mu.Lock()
	defer w.mu.Unlock()
	last := len(w.idle) - 1
	if last < 0 {
		return nil
	}
	if now.Sub(w.idle[last].used) > maxIdle {
		w.drop()
		return nil
	}
	conn := w.idle[last]
	w.idle = w.idle[:last]
	return conn
}

// put keeps a connection for the next request.
func (w *wire) put(conn *wireConn) {
	if cap(conn.request) > keepBytes {
		conn.request, conn.body, conn.packed = nil, nil, bytes.Buffer{}
	}
	conn.used = time.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || len(w.idle) >= w.keep {
		conn.close()
		return
	}
	w.idle = append(w.idle, conn)
}

func (w *wire) close() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	w.drop()
}

// drop closes all idle connections.
func (w *wire) drop() {
	for _, conn := range w.idle {
		conn.close()
	}
	w.idle = nil
}
