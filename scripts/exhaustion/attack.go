package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// attack is a number of connections of one address, each of which repeats the same
// requests.
type attack struct {
	name        string
	connections int
	address     byte // the last of 127.0.0.x
	// connect does what one connection does. It returns when the connection ends.
	connect func(ctx context.Context, c *connection) error
}

// retryPause is the pause of a connection of an attack before the next one. Without it,
// a flood of refused requests would use up the CPU that both sides share.
const retryPause = time.Second

// start runs the attack until ctx ends. The returned function waits for its end.
func (a *attack) start(ctx context.Context, server string, r *record) (wait func()) {
	r.began(a.name, time.Now())
	var running sync.WaitGroup
	for range a.connections {
		running.Go(func() {
			for ctx.Err() == nil {
				c, err := dial(ctx, server, a.address)
				if err != nil {
					r.result(a.name, "not connected")
					pause(ctx, 500*time.Millisecond)
					continue
				}
				stop := context.AfterFunc(ctx, func() { _ = c.Close() })
				if err := a.connect(ctx, c); ctx.Err() == nil {
					r.result(a.name, c.outcome(err))
				}
				stop()
				_ = c.Close()
				pause(ctx, retryPause)
			}
		})
	}
	return running.Wait
}

// connection is a connection of an attack. It buffers little of what it does not read.
type connection struct {
	net.Conn

	server string
	status int
}

func dial(ctx context.Context, server string, address byte) (*connection, error) {
	dialer := net.Dialer{LocalAddr: from(address), Timeout: 5 * time.Second}
	conn, err := dialer.DialContext(ctx, "tcp", server)
	if err != nil {
		return nil, err
	}
	const buffer = 4 << 10
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetReadBuffer(buffer)
	}
	return &connection{Conn: conn, server: server}, nil
}

// outcome names how a connection ended.
func (c *connection) outcome(err error) string {
	switch {
	case c.status > 0:
		return strconv.Itoa(c.status)
	case err != nil:
		return "closed"
	default:
		return "no response"
	}
}

// send writes a request without a body, or the beginning of one.
func (c *connection) send(format string, arguments ...any) error {
	_ = c.SetWriteDeadline(time.Now().Add(30 * time.Second))
	_, err := io.WriteString(c, strings.ReplaceAll(fmt.Sprintf(format, arguments...), "\n", "\r\n"))
	return err
}

// get requests a path.
func (c *connection) get(path string) error {
	return c.send("GET %s HTTP/1.1\nHost: %s\n\n", path, c.server)
}

// post sends a whole body.
func (c *connection) post(contentType, coding, body string) error {
	if err := c.send("POST /publish HTTP/1.1\nHost: %s\nContent-Type: %s\nContent-Encoding: %s\nContent-Length: %d\n\n",
		c.server, contentType, coding, len(body)); err != nil {
		return err
	}
	_, err := io.WriteString(c, body)
	return err
}

// hold reads the status of the response, and then one byte a second.
func (c *connection) hold(ctx context.Context) error {
	if err := c.readStatus(); err != nil || c.status >= http.StatusBadRequest {
		return err
	}
	var one [1]byte
	for ctx.Err() == nil {
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		if _, err := c.Read(one[:]); err != nil {
			return err
		}
		pause(ctx, time.Second)
	}
	return nil
}

// readStatus reads the first bytes of the response.
func (c *connection) readStatus() error {
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	var line [12]byte // HTTP/1.1 200
	if _, err := io.ReadFull(c, line[:]); err != nil {
		return err
	}
	c.status, _ = strconv.Atoi(string(line[9:]))
	return nil
}

// read reads the whole response.
func (c *connection) read() error {
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	response, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	c.status = response.StatusCode
	_, err = io.Copy(io.Discard, response.Body)
	return err
}
