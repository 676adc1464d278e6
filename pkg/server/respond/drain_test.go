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
