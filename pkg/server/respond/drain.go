package respond

import (
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/event"
)

// How much of a refused body is read and dropped, and for how long. With HTTP/2 the time
// without a byte has a limit, too: many clients stop sending when they see the refusal,
// do not report that, and wait for the end of the response.
const (
	maxDrainBytes = 64 << 20
	maxDrainTime  = 5 * time.Second
	maxDrainIdle  = time.Second
)

// refusedEarly prepares the response to a request whose body may not have been
// read. Without it net/http reads up to 256 KiB of the body before it sends the
// response, and then resets the connection. Many clients that are still sending
// report the reset and never see the response, so they send the body again for ever.
// With HTTP/2 only the stream is reset, but clients such as curl 7.88 report that in place
// of the response, too.
//
// It reports whether the caller should call [Drain] after the response.
func refusedEarly(c echo.Context, err error) bool {
	r := c.Request()
	if _, read := errors.AsType[*event.InvalidError](err); read || r.ContentLength == 0 {
		return false
	}
	if r.Header.Get("Expect") != "" { // the client waits for the response before it sends the body
		return false
	}
	return http.NewResponseController(c.Response()).EnableFullDuplex() == nil
}

// forwarded reports whether the request came through a reverse proxy. Some proxies lose
// a response that arrives while they are sending the body: Caddy 2.6 resets the
// connection of a client with HTTP/1.1, and nginx and Apache respond 502 at times. So the
// body of such a request is dropped before the response. A proxy without such a header is
// recognized by HTTP/1.0, which nginx uses if its configuration says nothing else.
func forwarded(r *http.Request) bool {
	return !r.ProtoAtLeast(1, 1) || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" || r.Header.Get("Via") != ""
}

// Drain reads and drops the rest of the body of a request that [SendError] refused,
// within bounds, so that its sender gets the response.
func Drain(c echo.Context) {
	if c.Get(keyDrain) != nil {
		drop(c)
	}
}

// drop reads and drops the rest of the body, within bounds.
func drop(c echo.Context) {
	control, end := http.NewResponseController(c.Response()), time.Now().Add(maxDrainTime)
	_ = control.SetReadDeadline(end)
	if c.Request().ProtoMajor < 2 {
		_, _ = io.CopyN(io.Discard, c.Request().Body, maxDrainBytes)
		return
	}
	const piece = 16 << 10
	for range maxDrainBytes / piece {
		if idle := time.Now().Add(maxDrainIdle); idle.Before(end) {
			_ = control.SetReadDeadline(idle)
		}
		if _, err := io.CopyN(io.Discard, c.Request().Body, piece); err != nil {
			return
		}
	}
}

// keyDrain marks the context of a request for Drain.
const keyDrain = "drain"
