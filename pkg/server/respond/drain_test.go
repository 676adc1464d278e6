package respond

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/event"
)

// duplexRecorder is a writer that can respond before the body was read, as net/http's can.
type duplexRecorder struct{ *httptest.ResponseRecorder }

func (duplexRecorder) EnableFullDuplex() error { return nil }

func TestSendError_DropsTheRestOfARefusedBody(t *testing.T) {
	t.Parallel()
	refused := &Error{Status: http.StatusUnauthorized, Detail: "refused"}
	invalid := &event.InvalidError{Fields: []event.FieldError{{Field: "topic", Message: "is missing"}}}
	for name, row := range map[string]struct {
		err     error
		change  func(*http.Request)
		dropped bool
	}{
		"a request that is refused before its body was read": {err: refused, dropped: true},
		"an invalid event, whose body was read":              {err: invalid},
		"an invalid event with a hint":                       {err: &HintedError{Err: invalid, Hint: "looks like a form"}},
		"an invalid event with a wrapped error":              {err: fmt.Errorf("decode: %w", invalid)},
		"a request without a body":                           {err: refused, change: func(r *http.Request) { r.ContentLength = 0 }},
		"HTTP/2, whose clients report a reset as well":       {err: refused, dropped: true, change: func(r *http.Request) { r.ProtoMajor = 2 }},
		"a client that waits for 100 Continue":               {err: refused, change: func(r *http.Request) { r.Header.Set("Expect", "100-continue") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := strings.NewReader("a body")
			request := httptest.NewRequest(http.MethodPost, "/publish", io.NopCloser(body))
			request.ContentLength = body.Size()
			if row.change != nil {
				row.change(request)
			}
			c := echo.New().NewContext(request, duplexRecorder{httptest.NewRecorder()})
			SendError(c, row.err)
			Drain(c)
			if dropped := body.Len() == 0; dropped != row.dropped {
				t.Errorf("the body was dropped: %v, want %v", dropped, row.dropped)
			}
		})
	}
}

// orderRecorder notes how much of the body was left when the response began.
type orderRecorder struct {
	duplexRecorder
	body *strings.Reader
	left int
}

func (r *orderRecorder) WriteHeader(status int) {
	r.left = r.body.Len()
	r.duplexRecorder.WriteHeader(status)
}

func TestSendError_RespondsToAProxyAfterTheBody(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change func(*http.Request)
		left   int
	}{
		"a client gets the response before the body was read": {func(*http.Request) {}, 6},
		"a proxy with the address of its client":              {func(r *http.Request) { r.Header.Set("X-Forwarded-For", "10.0.0.1") }, 0},
		"a proxy with the standard header":                    {func(r *http.Request) { r.Header.Set("Forwarded", "for=10.0.0.1") }, 0},
		"a proxy that names itself":                           {func(r *http.Request) { r.Header.Set("Via", "1.1 proxy") }, 0},
		"a proxy that speaks HTTP/1.0":                        {func(r *http.Request) { r.ProtoMinor = 0 }, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := strings.NewReader("a body")
			request := httptest.NewRequest(http.MethodPost, "/publish", io.NopCloser(body))
			request.ContentLength = body.Size()
			row.change(request)
			writer := &orderRecorder{duplexRecorder{httptest.NewRecorder()}, body, -1}
			SendError(echo.New().NewContext(request, writer), &Error{Status: http.StatusRequestEntityTooLarge})
			if writer.left != row.left {
				t.Errorf("%d bytes were left when the response began, want %d", writer.left, row.left)
			}
		})
	}
}
