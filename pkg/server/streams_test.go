package server

import (
	"bytes"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// TestStreams_OfOneAddressAreLimited: a client of HTTP/2 that does not read the responses
// (its window is zero) keeps its requests open. Connections are limited, but each of them
// can have many requests, so these must be limited, too.
func TestStreams_OfOneAddressAreLimited(t *testing.T) {
	t.Parallel()
	const limit = 40
	server := serverWith(&memory{}, func(o *Options) { o.MaxConnections = limit * streamsDivisor })
	address := serveRaw(t, server)
	statuses := map[string]int{}
	for range 2 {
		client := dialHTTP2(t, address)
		for i := range uint32(limit) {
			client.get(t, 2*i+1, "/healthz")
		}
		client.readUntilSilent(statuses)
	}
	if statuses["200"] != limit*3/4 {
		t.Errorf("requests that were served: %d, want three quarters of %d; all: %v", statuses["200"], limit, statuses)
	}
	if statuses["503"] == 0 || statuses["reset"] == 0 {
		t.Errorf("requests above the share: %v, want 503 for some, and the others reset", statuses)
	}
	response, err := http.Get("http://" + address + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		t.Errorf("HTTP/1.1 beside them: %s", response.Status)
	}
}

// TestStreams_OfAConnectionAreLimited: the server announces the limit, and a request
// above it is an error of the connection or of the stream.
func TestStreams_OfAConnectionAreLimited(t *testing.T) {
	t.Parallel()
	client := dialHTTP2(t, serveRaw(t, serverWith(&memory{})))
	for {
		frame, err := client.framer.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		settings, ok := frame.(*http2.SettingsFrame)
		if !ok || settings.IsAck() {
			continue
		}
		if got, found := settings.Value(http2.SettingMaxConcurrentStreams); !found || got != maxStreams {
			t.Errorf("announced streams: %d, want %d", got, maxStreams)
		}
		return
	}
}

// rawHTTP2 is a client of HTTP/2 that gives the server no window for bodies.
type rawHTTP2 struct {
	conn    net.Conn
	framer  *http2.Framer
	header  bytes.Buffer
	encoder *hpack.Encoder
}

func dialHTTP2(t *testing.T, address string) *rawHTTP2 {
	t.Helper()
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return dialOver(t, conn)
}

// newRawHTTP2 returns a client on a connection that has begun.
func newRawHTTP2(conn net.Conn) *rawHTTP2 {
	c := &rawHTTP2{conn: conn, framer: http2.NewFramer(conn, conn)}
	c.framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.encoder = hpack.NewEncoder(&c.header)
	return c
}

// dialOver begins HTTP/2 on a connection.
func dialOver(t *testing.T, conn net.Conn) *rawHTTP2 {
	t.Helper()
	c := newRawHTTP2(conn)
	if _, err := conn.Write([]byte(http2.ClientPreface)); err != nil {
		t.Fatal(err)
	}
	if err := c.framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize}); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c *rawHTTP2) get(t *testing.T, stream uint32, path string) {
	t.Helper()
	c.open(t, stream, true, ":method GET", ":path "+path)
}

// open begins a request with header fields, and ends it if it has no body.
func (c *rawHTTP2) open(t *testing.T, stream uint32, end bool, fields ...string) {
	t.Helper()
	c.header.Reset()
	for _, field := range append([]string{":scheme http", ":authority localhost"}, fields...) {
		name, value, _ := strings.Cut(field, " ")
		if err := c.encoder.WriteField(hpack.HeaderField{Name: name, Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: c.header.Bytes(), EndHeaders: true, EndStream: end}); err != nil {
		t.Fatal(err)
	}
}

// readUntilSilent counts the statuses of responses, and resets.
func (c *rawHTTP2) readUntilSilent(statuses map[string]int) {
	c.readFrames(statuses, time.Second, func() bool { return false })
}

// readFrames counts until done, or until no frame comes for a time.
func (c *rawHTTP2) readFrames(statuses map[string]int, silence time.Duration, done func() bool) {
	for !done() {
		_ = c.conn.SetReadDeadline(time.Now().Add(silence))
		frame, err := c.framer.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.MetaHeadersFrame:
			statuses[frame.PseudoValue("status")]++
		case *http2.RSTStreamFrame:
			statuses["reset"]++
		}
	}
}
