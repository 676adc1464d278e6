package respond

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/store"
)

func TestSendError_SaysWhenToRetry(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		err  error
		want string
	}{
		"503 means a second":                {fmt.Errorf("append: %w", store.ErrUnavailable), "1"},
		"the time of a store is rounded up": {&store.RetryError{Err: store.ErrOverloaded, After: 2100 * time.Millisecond}, "3"},
		"a handler may have its own time":   {&Error{Status: http.StatusServiceUnavailable, Header: headerRetryAfter, Value: "5"}, "5"},
		"too many invalid keys":             {KeyRetry(1500 * time.Millisecond), "2"},
		"other errors have no time":         {store.ErrNotFound, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			recorder := httptest.NewRecorder()
			SendError(echo.New().NewContext(httptest.NewRequest(http.MethodGet, "/events", http.NoBody), recorder), row.err)
			if got := recorder.Header().Get(headerRetryAfter); got != row.want {
				t.Errorf("Retry-After is %q, want %q", got, row.want)
			}
		})
	}
}
