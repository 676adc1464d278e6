package server

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/store"
)

func TestObserve_RequestIDs(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	seen := map[string]bool{}
	for sent, kept := range map[string]bool{
		"": false, "abc-123": true, "a b": false, "tab\tbed": false, "ünï": false, strings.Repeat("x", 128): true, strings.Repeat("x", 129): false, "\"<>": true,
	} {
		response := send(s, "GET", "/healthz", "", "X-Request-ID", sent)
		got := response.Header().Get("X-Request-ID")
		if (got == sent) != kept || !validID(got) || seen[got] {
			t.Errorf("sent %q, got %q", sent, got)
		}
		seen[got] = true
	}
}

func TestObserve_LogRecord(t *testing.T) {
	t.Parallel()
	const secret = "SECRET"
	for name, row := range map[string]struct {
		method, target, body string
		store                *memory
		want                 string
	}{
		"a publish":        {"POST", "/publish", strings.Replace(goodEvent, "1.50", `"SECRET"`, 1), &memory{}, "level=DEBUG msg=request method=POST route=/publish status=200 duration=0s bytes=73 request_id=id"},
		"a query":          {"GET", "/events?topic=SECRET", "", &memory{}, "level=DEBUG msg=request method=GET route=/events status=200 duration=0s bytes=3 request_id=id"},
		"an event":         {"GET", "/events/SECRET/x", "", &memory{}, "level=DEBUG msg=request method=GET route=/events/:topic/:event_id status=404"},
		"an unknown path":  {"GET", "/SECRET", "", &memory{}, "level=DEBUG msg=request method=GET route=unknown status=404"},
		"an invalid event": {"POST", "/publish", `{"topic":"SECRET"}`, &memory{}, "level=DEBUG msg=request method=POST route=/publish status=422"},
		"an outage":        {"POST", "/publish", goodEvent, &memory{fail: fmt.Errorf("dial: %w", store.ErrUnavailable)}, `level=WARN msg=request method=POST route=/publish status=503`},
		"a server error":   {"POST", "/publish", goodEvent, &memory{fail: errors.New("broken")}, `level=ERROR msg=request method=POST route=/publish status=500`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			send(serverWith(row.store, logTo(&log)), row.method, row.target, row.body, "X-Request-ID", "id")
			if got := log.String(); !strings.Contains(got, row.want) || strings.Count(got, "\n") != 1 || strings.Contains(got, secret) {
				t.Errorf("got %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestObserve_LogsPanicOnceWithStack(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := serverWith(&memory{panicWith: "boom"}, logTo(&log))
	if response := send(s, "POST", "/publish", goodEvent); response.Code != 500 {
		t.Errorf("status %d", response.Code)
	}
	got := log.String()
	if strings.Count(got, "msg=") != 1 || !strings.Contains(got, "handler panicked: boom") || !strings.Contains(got, "main_test.go") {
		t.Errorf("log:\n%s", got)
	}
}

func TestObserve_DisconnectedClientIsNotAnError(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	s := serverWith(&memory{fail: context.Canceled}, logTo(&log))
	gone, leave := context.WithCancel(t.Context())
	leave()
	response := httptest.NewRecorder()
	contract.Handler(s.Handler()).ServeHTTP(response, httptest.NewRequestWithContext(gone, "GET", "/stats", nil))
	if response.Code != 499 || !strings.Contains(log.String(), "level=DEBUG msg=request method=GET route=/stats status=499") {
		t.Errorf("status %d, log %s", response.Code, &log)
	}
}

func TestObserve_BreaksConnectionAfterPartialResponse(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		fail func() error
		want string // in the log
	}{
		"a panic is an error, although the status is 200": {func() error { panic("boom") }, "level=ERROR msg=request method=GET route=/half status=200"},
		"an error, mostly of a disconnected client":       {func() error { return errors.New("boom") }, "level=DEBUG msg=request method=GET route=/half status=200"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log bytes.Buffer
			s := serverWith(&memory{}, logTo(&log))
			s.echo.GET("/half", func(c echo.Context) error {
				_, err := c.Response().Write([]byte(`[{"topic":"t"}`))
				c.Response().Flush()
				return cmp.Or(err, row.fail())
			})
			response, err := newHTTP(t).Get("http://" + listen(t, s) + "/half")
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			_ = response.Body.Close()
			if !errors.Is(err, io.ErrUnexpectedEOF) || response.StatusCode != http.StatusOK {
				t.Errorf("read %q with status %d and %v", body, response.StatusCode, err)
			}
			if err := s.Shutdown(t.Context()); err != nil { // ends all writes to the log
				t.Fatal(err)
			}
			if !strings.Contains(log.String(), row.want) || strings.Count(log.String(), "\n") != 1 {
				t.Errorf("log:\n%s", &log)
			}
		})
	}
}
