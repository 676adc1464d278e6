package client

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/event"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server with that handler and returns a client of it.
func serve(t *testing.T, handler http.HandlerFunc, change ...func(*Options)) *Client {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return clientOf(t, server.URL, change...)
}

func clientOf(t *testing.T, url string, change ...func(*Options)) *Client {
	t.Helper()
	options := Options{URL: url}
	for _, f := range change {
		f(&options)
	}
	c, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func someEvent(id string) event.Event {
	return event.Event{
		Topic: "t", ID: id, Timestamp: time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC), Source: "s", Payload: `{"k":1.50}`,
	}
}

func TestNew_RefusesInvalidOptions(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]Options{
		"no URL":                  {},
		"no URL at all":           {URL: "http://[::1"},
		"another scheme":          {URL: "ftp://host"},
		"no scheme":               {URL: "host:8000"},
		"no host":                 {URL: "http:///path"},
		"a password":              {URL: "http://user:SECRET@host"},
		"a query":                 {URL: "http://host?x=y"},
		"a fragment":              {URL: "http://host#x"},
		"a broken password":       {URL: "http://user:SECRET%zz@host"},
		"a header in the name":    {URL: "http://host", UserAgent: "x\r\nX-Evil: y"},
		"a line end in the URL":   {URL: "http://host/\r\nX-Evil: y"},
		"a space in the hostname": {URL: "http://ho st/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := New(options); err == nil || strings.Contains(err.Error(), "SECRET") {
				t.Errorf("got %v", err)
			}
		})
	}
}
