package query

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/server/respond"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestRefusals_RepeatedRequestsReadNothing(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, time.December, 19, 12, 0, 0, 0, time.UTC)
	r := refusals{now: func() time.Time { return now }}
	full := fmt.Errorf("a test: %w", respond.ErrReadMemory)
	for _, step := range []struct {
		what, client, target string
		result               error
		called               bool
		pass                 time.Duration
	}{
		{"a request that is refused", "192.0.2.1", "/events?limit=5", full, true, 0},
		{"the same request", "192.0.2.1", "/events?limit=5", nil, false, 0},
		{"another request", "192.0.2.1", "/events?limit=1", nil, true, 0},
		{"another client", "192.0.2.2", "/events?limit=5", nil, true, 0},
		{"the same request a second later", "192.0.2.1", "/events?limit=5", nil, true, 2 * time.Second},
		{"a request that fails otherwise", "192.0.2.1", "/events?limit=7", store.ErrUnavailable, true, 0},
		{"is read again", "192.0.2.1", "/events?limit=7", nil, true, 0},
	} {
		now = now.Add(step.pass)
		request := httptest.NewRequest(http.MethodGet, step.target, http.NoBody)
		request.RemoteAddr = step.client + ":1000"
		called := false
		err := r.guard(echo.New().NewContext(request, httptest.NewRecorder()), func() error {
			called = true
			return step.result
		})
		want := step.result
		if !step.called {
			want = full
		}
		if called != step.called || !errors.Is(err, want) {
			t.Errorf("%s: called %t, %v", step.what, called, err)
		}
	}
}
