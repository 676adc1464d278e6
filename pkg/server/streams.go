package server

import (
	"net/http"
	"sync"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/fair"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

// streams limits the concurrent requests over HTTP/2. A connection of HTTP/1.1 has one
// request at a time, so the limit of connections is enough there. A connection of HTTP/2
// has many, and each of them takes about 17 KB: 200 connections took 870 MB.
//
// The limit is a quarter of that of connections, and each address has a share of it. Above its share a request gets a 503; if a client does not read these responses,
// its requests are reset.
type streams struct {
	mu      sync.Mutex
	open    *fair.Shares
	refused *fair.Shares // requests whose 503 is not read yet
}

const (
	// maxStreams is the maximum number of concurrent requests of one connection. It is
	// the least that RFC 9113, section 6.5.2, recommends.
	maxStreams = 100
	// maxReceiveBuffer is the maximum memory for the bodies that one connection has sent
	// before they are read. The default of net/http is 1 MiB.
	maxReceiveBuffer = 256 << 10
	// refusedTimeout is the maximum time in which a client reads a 503 of a stream.
	refusedTimeout = 2 * time.Second
	// streamsDivisor divides the limit of connections: the limit of concurrent requests.
	// Each may have a header of 32 KB. With as many requests as connections, those of one
	// address took 298 MB.
	streamsDivisor = 4
	// refusedShare divides the limit of streams: so many may wait for their 503.
	refusedShare = 4
)

// http2Config bounds what one connection of HTTP/2 takes.
func http2Config() *http.HTTP2Config {
	return &http.HTTP2Config{
		MaxConcurrentStreams:          maxStreams,
		MaxReceiveBufferPerConnection: maxReceiveBuffer,
		MaxReceiveBufferPerStream:     maxReceiveBuffer,
	}
}

func newStreams(connections int) *streams {
	limit := max(1, connections/streamsDivisor)
	return &streams{open: fair.NewShares(int64(limit)), refused: fair.NewShares(int64(max(1, limit/refusedShare)))}
}

// enter counts a request, and returns a function that ends this. The error is a 503.
// Requests of HTTP/1 are not counted.
//
// The end of a request is when its response is written: net/http keeps the last 4 KB until
// the handler has returned, and then waits for the client to read, where this could not
// be counted. So the function that enter returns writes these bytes itself.
func (s *streams) enter(c echo.Context) (leave func(), err error) {
	if c.Request().ProtoMajor < 2 { //nolint:mnd // HTTP/2
		return func() {}, nil
	}
	client := respond.Client(c)
	if s.take(s.open, client) {
		return func() { s.leave(c, s.open, client) }, nil
	}
	if !s.take(s.refused, client) {
		panic(http.ErrAbortHandler) //nolint:forbidigo // net/http's way to reset a stream; it is not logged
	}
	_ = http.NewResponseController(c.Response().Writer).SetWriteDeadline(time.Now().Add(refusedTimeout))
	return func() { s.leave(c, s.refused, client) }, &respond.Error{
		Status: http.StatusServiceUnavailable, Detail: "This address has too many concurrent requests. Nothing was stored; send it again later.",
		Header: "Retry-After", Value: "1",
	}
}

func (s *streams) take(shares *fair.Shares, client string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !shares.Fits(client, 1) {
		return false
	}
	shares.Take(client, 1)
	return true
}

func (s *streams) leave(c echo.Context, shares *fair.Shares, client string) {
	clear(c.Request().Header)                                   // up to 32 KB; nothing reads it any more, but net/http keeps it until the client has read
	_ = http.NewResponseController(c.Response().Writer).Flush() // fails if the client is gone
	s.mu.Lock()
	defer s.mu.Unlock()
	shares.Take(client, -1)
}
