package transport

import (
	"bufio"
	"bytes"
	"errors"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/valyala/fasthttp"
)

// maxBufferBytes limits the buffers that an idle connection keeps.
const maxBufferBytes = 512 << 10

// past is a deadline that has expired: it interrupts reads and writes.
var past = time.Unix(1, 0) //nolint:gochecknoglobals // a constant

// conn is a connection with the buffers of its requests.
type conn struct {
	net.Conn
	watch contextWatch

	// waiter waits until the connection is readable. It is nil if that is not
	// possible, for example with TLS.
	waiter interface {
		Read(step func(uintptr) (done bool)) error
	}
	step     func(uintptr) (done bool) // writeOnce, made once to save an allocation
	unsent   []byte
	errWrite error

	reader   *bufio.Reader
	response fasthttp.Response

	body       []byte
	compressed bytes.Buffer
	compressor *gzip.Writer
	request    []byte

	used        time.Time // when the last request ended
	deadlineSet time.Time // when the deadline was last moved

	// probe is closed when the read of an idle connection has ended with
	// probeErr. It is nil while no such read runs.
	probe    chan struct{}
	probeErr error
}

func newConn(dialed net.Conn) *conn {
	c := &conn{Conn: dialed, reader: bufio.NewReaderSize(dialed, maxHeadBytes)}
	if tcp, ok := dialed.(*net.TCPConn); ok {
		if raw, err := tcp.SyscallConn(); err == nil {
			c.waiter, c.step = raw, c.writeOnce
		}
	}
	c.watch.interrupt = func() { _ = c.SetDeadline(past) }
	return c
}

// exchange sends a request and reads the response, whose body may have limit
// bytes. After an error the connection is unusable.
//
// A server may refuse a large body before it has read all of it, and then close
// the connection. So the response is read even if the request could not be
// written; it is then the last on this connection.
func (c *conn) exchange(request []byte, limit int) (Response, error) {
	errWrite := c.send(request)
	got, err := c.read(limit)
	if errWrite != nil {
		got.last = true
		if err != nil {
			err = errWrite // it came first
		}
	}
	return got, err
}

// send writes a request and, if possible, waits until there is something to read.
// Without the wait the first read would come too early, fail and wait: that costs a
// system call more, 1 to 1.5 µs of the generator's 9 µs per request.
//
// The write happens within the wait, because the runtime forgets what arrived before
// the wait began. On a new connection that may be a response: a server at its limit
// may refuse a client before it has read anything. So the first request does not wait.
// Later a server may close at any time; the write then provokes a reset, which ends
// the wait. The error is that of writing. Reading finds all others.
func (c *conn) send(request []byte) error {
	if c.waiter == nil || c.used.IsZero() {
		_, err := c.Write(request)
		return err
	}
	c.unsent = request
	_ = c.waiter.Read(c.step)
	return c.errWrite
}

// writeOnce writes the request at its first call. The second call means that there is
// something to read.
func (c *conn) writeOnce(uintptr) (done bool) {
	if c.unsent == nil {
		return true
	}
	_, c.errWrite = c.Write(c.unsent)
	c.unsent = nil
	return c.errWrite != nil
}

// build writes a request into the connection's buffer: head, the length, and the
// body that write appends.
func (c *conn) build(head []byte, compress bool, write func([]byte) []byte) []byte {
	c.body = write(c.body[:0])
	body := c.body
	if compress {
		body = c.compress(body)
	}
	c.request = strconv.AppendInt(append(c.request[:0], head...), int64(len(body)), 10)
	c.request = append(c.request, "\r\n\r\n"...)
	c.request = append(c.request, body...)
	return c.request
}

// compress compresses a body at the fastest level.
func (c *conn) compress(body []byte) []byte {
	c.compressed.Reset()
	if c.compressor == nil {
		c.compressor, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails only for invalid levels
	}
	c.compressor.Reset(&c.compressed)
	_, _ = c.compressor.Write(body) // to memory, which can't fail
	_ = c.compressor.Close()
	return c.compressed.Bytes()
}

// extendDeadline gives a request at least 7/8 of the timeout. Moving a deadline
// costs about as much as building a request, so it moves only after 1/8.
func (c *conn) extendDeadline(now time.Time, timeout time.Duration) error {
	if now.Sub(c.deadlineSet) <= timeout/8 {
		return nil
	}
	c.deadlineSet = now
	return c.SetDeadline(now.Add(timeout))
}

// startProbe begins to read from an idle connection, so that its end, or an
// error response that the server sends before it closes, is noticed before the
// next request. A request on such a connection might get no response.
func (c *conn) startProbe() {
	if c.SetReadDeadline(time.Time{}) != nil {
		return // closed, so the next request fails without being sent
	}
	c.deadlineSet = time.Time{}
	done := make(chan struct{})
	c.probe = done
	go func() {
		defer close(done)
		_, c.probeErr = c.reader.Peek(1)
	}()
}

// endProbe ends the read of startProbe and reports whether the connection is
// open and silent.
func (c *conn) endProbe() bool {
	if c.probe == nil {
		return true
	}
	_ = c.SetReadDeadline(past) // if it fails, the read has failed too
	<-c.probe
	c.probe = nil
	return errors.Is(c.probeErr, os.ErrDeadlineExceeded)
}

// shrink releases buffers that one large request has left behind.
func (c *conn) shrink() {
	if cap(c.request) > maxBufferBytes {
		c.request, c.body, c.compressed = nil, nil, bytes.Buffer{}
	}
}

// close closes the connection. Reads and writes in progress fail.
func (c *conn) close() {
	c.watch.stop()
	_ = c.Close()
}
