package client

import (
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestParseHeaders(t *testing.T) {
	t.Parallel()
	const secret = "hunter2"
	for name, row := range map[string]struct {
		lines []string
		want  http.Header
		err   string // "" for none
	}{
		"nothing":                           {nil, http.Header{}, ""},
		"a header":                          {[]string{"x-tenant: blue"}, http.Header{"X-Tenant": {"blue"}}, ""},
		"a value with colon and comma":      {[]string{"X-A:b: c, d"}, http.Header{"X-A": {"b: c, d"}}, ""},
		"a name twice":                      {[]string{"X-A: 1", "", "X-A: 2\r"}, http.Header{"X-A": {"1", "2"}}, ""},
		"an empty value":                    {[]string{"X-A:"}, http.Header{"X-A": {""}}, ""},
		"no colon":                          {[]string{secret}, nil, "must have the form 'Name: value'"},
		"no name":                           {[]string{": " + secret}, nil, "invalid name"},
		"a space in the name":               {[]string{"X A: " + secret}, nil, "invalid name"},
		"a second line in the value":        {[]string{"X-A: " + secret + "\nX-B: c"}, nil, "control characters"},
		"the API key":                       {[]string{"authorization: Bearer " + secret}, nil, "--api-key-file"},
		"what the client sets itself":       {[]string{"content-length: 5"}, nil, "set by the client itself"},
		"what would change the connection":  {[]string{"Transfer-Encoding: chunked"}, nil, "set by the client itself"},
		"the position of a follower":        {[]string{"Last-Event-ID: x"}, nil, "set by the client itself"},
		"a good header and then a bad line": {[]string{"X-A: b", secret}, nil, "must have the form"},
	} {
		got, err := ParseHeaders(row.lines)
		if row.err == "" {
			if diff := cmp.Diff(row.want, got); err != nil || diff != "" {
				t.Errorf("%s: %v\n%s", name, err, diff)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), row.err) || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: error %v, want %q", name, err, row.err)
		}
	}
}

// Every kind of request has the headers, and a redirect gets none of them.
func TestClient_SendsHeaders(t *testing.T) {
	t.Parallel()
	elsewhere := ""
	other := serve(t, func(_ http.ResponseWriter, r *http.Request) { t.Errorf("redirected: %s %v", r.URL, r.Header) })
	elsewhere = other.base.String()
	var mu sync.Mutex
	got := map[string][]string{}
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		got[r.URL.Path] = r.Header["X-Tenant"]
		mu.Unlock()
		http.Redirect(w, r, elsewhere+r.URL.Path, http.StatusTemporaryRedirect)
	}, func(o *Options) { o.Header = http.Header{"X-Tenant": {"blue", "green"}} })
	_, errAppend := c.Append(t.Context(), []event.Event{someEvent("1")})
	_, errStats := c.Stats(t.Context())
	errFollow := c.Follow(t.Context(), store.Filter{}, 0, 0, func(store.Record) error { return nil })
	if errAppend == nil || errStats == nil || errFollow == nil {
		t.Errorf("a redirect is no error: %v, %v, %v", errAppend, errStats, errFollow)
	}
	for _, path := range []string{"/publish", "/stats", "/events"} {
		if diff := cmp.Diff([]string{"blue", "green"}, got[path]); diff != "" {
			t.Errorf("%s:\n%s", path, diff)
		}
	}
	if _, err := New(Options{URL: elsewhere, Header: http.Header{"X-A": {"b\r\nX-C: d"}}}); err == nil {
		t.Error("New accepts a line end in a header")
	}
}
