package respond

import (
	"encoding/json"
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
)

// Names of header fields, in net/http's canonical form.
const (
	HeaderConnection  = "Connection"
	HeaderContentType = "Content-Type"
)

// Headers are values of header fields that many responses share, so that a busy
// handler does not allocate them for each. They must not be changed.
type Headers struct {
	JSON, Close []string

	noSniff, noStore, sameOrigin, noFrames []string
}

// NewHeaders returns the values.
func NewHeaders() Headers {
	return Headers{
		JSON: []string{api.TypeJSON}, Close: []string{"close"},
		noSniff: []string{"nosniff"}, noStore: []string{"no-store"}, sameOrigin: []string{"same-origin"}, noFrames: []string{"frame-ancestors 'none'"},
	}
}

// Secure sets the headers by which a browser keeps a response from other pages. A
// handler may replace Cache-Control and Content-Security-Policy.
func (h Headers) Secure(header http.Header) {
	header["X-Content-Type-Options"] = h.noSniff
	header["Cache-Control"] = h.noStore
	header["Cross-Origin-Resource-Policy"] = h.sameOrigin
	header["Content-Security-Policy"] = h.noFrames
}

// Bytes sends a whole response. It sets Content-Length if net/http would not
// find the length itself.
func Bytes(c echo.Context, status int, contentType []string, body []byte) error {
	const buffered = 2 << 10 // net/http holds back that much and counts it
	header := c.Response().Header()
	header[HeaderContentType] = contentType
	head := c.Request().Method == http.MethodHead
	if len(body) >= buffered || head {
		header.Set("Content-Length", strconv.Itoa(len(body)))
	}
	c.Response().WriteHeader(status)
	if head {
		return nil
	}
	if len(body) > PieceBytes {
		_, err := NewPieces(c).Write(body)
		return err
	}
	_, err := c.Response().Write(body)
	return err
}

// JSON sends a value that is small or rarely requested.
func JSON(c echo.Context, status int, value any) error {
	body, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return Bytes(c, status, []string{api.TypeJSON}, append(body, '\n'))
}

// keyStream marks the context of a request whose length the client decides.
const keyStream = "stream"

// MarkStream records that the duration of this request is not a latency: the
// client decides how long it sends lines or follows events.
func MarkStream(c echo.Context) { c.Set(keyStream, true) }

// IsStream reports whether MarkStream was called.
func IsStream(c echo.Context) bool { return c.Get(keyStream) != nil }
