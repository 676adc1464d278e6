package exchange

import (
	"bufio"
	"net"
	"syscall"
	"time"

	"github.com/valyala/fasthttp"
)

const (
	// commonBytes is how much of an answer is received at once: all of it where
	// it is about one event.
	commonBytes = 1 << 10
	// maxHeadBytes bounds the head of an answer; proxies add to the server's.
	maxHeadBytes = 16 << 10
)

// Conn is a connection to a server. One goroutine at a time may use it, but for
// SetDeadline and Close, which anybody may call.
type Conn struct {
	input
	raw  syscall.RawConn // nil where there is no other way than Write and Read
	step func(descriptor uintptr) (done bool)

	request  []byte // what is left to be sent
	asked    bool
	greeted  bool // it is known that the server said nothing before the first request
	buffer   [commonBytes]byte
	reader   *bufio.Reader // of the input
	response fasthttp.Response
}

// input is what comes: first what was received ahead, then the rest.
type input struct {
	conn     net.Conn
	received []byte
}

// New makes a Conn of a connection, and closes it with the Conn.
func New(conn net.Conn) *Conn {
	c := &Conn{input: input{conn: conn}}
	c.reader = bufio.NewReaderSize(&c.input, maxHeadBytes)
	if tcp, ok := conn.(*net.TCPConn); ok && direct {
		c.raw, _ = tcp.SyscallConn() // fails for the zero TCPConn only
		c.step = c.sendThenReceive   // made once: it is an allocation
	}
	return c
}

// SetDeadline ends whatever waits at that time with [os.ErrDeadlineExceeded].
func (c *Conn) SetDeadline(t time.Time) error { return c.conn.SetDeadline(t) }

// Close closes the connection. What waits for it fails.
func (c *Conn) Close() error { return c.conn.Close() }

// Exchange sends a request and reads its answer, whose body may have limit
// bytes. After an error the connection is of no more use.
//
// A server that refuses a long body answers before it has read it all, and then
// hangs up: such an answer is worth more than the error of sending, and is the
// last of its connection.
func (c *Conn) Exchange(request []byte, limit int) (Answer, error) {
	errSend := c.send(request)
	got, err := c.answer(limit)
	if errSend != nil {
		got.Last = true
		if err != nil {
			err = errSend // it came first
		}
	}
	return got, err
}

// send sends a request and, where it can, waits for the beginning of the answer
// and receives it. Its error is that of sending alone.
func (c *Conn) send(request []byte) error {
	c.request, c.asked, c.received = request, false, nil
	if c.raw != nil {
		_ = c.raw.Read(c.step) // its errors are met again, here below or by reading
	}
	var err error
	if len(c.request) > 0 {
		_, err = c.conn.Write(c.request)
	}
	c.request = nil
	return err
}

// sendThenReceive is called until it is done: at once, and whenever there may be
// something to receive. The runtime forgets what came before the first call, so
// the request leaves within that call. Earlier, and its answer could be what is
// forgotten. What a server says unasked is found all the same: on a new
// connection, where it may be turning the client away, here, and on one that lay
// idle by [Conn.Quiet].
//
// What is unusual is left to those who know how to deal with it: a request that
// the socket doesn't take as a whole to Write, the end and the errors of a
// connection to Read.
func (c *Conn) sendThenReceive(descriptor uintptr) (done bool) {
	if !c.asked {
		c.asked = true
		c.request = c.request[send(descriptor, c.request):]
		if cut := len(c.request) > 0; cut || c.greeted {
			return cut
		}
		c.greeted = true
	}
	n, again := receive(descriptor, c.buffer[:])
	c.received = c.buffer[:n]
	return !again
}

// Quiet reports whether nothing has come on a connection that lay idle. Its end
// may have, or an error for being idle; an exchange would not notice, and wait
// in vain where the server is silent about what is sent after it. Where nobody
// can tell without waiting it is true.
func (c *Conn) Quiet() bool {
	if c.raw == nil {
		return true
	}
	quiet := false
	err := c.raw.Read(func(descriptor uintptr) bool {
		_, quiet = receive(descriptor, c.buffer[:])
		return true
	})
	return quiet && err == nil
}

// Read implements [io.Reader].
func (i *input) Read(p []byte) (int, error) {
	if len(i.received) > 0 {
		n := copy(p, i.received)
		i.received = i.received[n:]
		return n, nil
	}
	return i.conn.Read(p)
}
