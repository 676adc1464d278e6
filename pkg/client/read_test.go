package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// respondWith serves one response and records the request.
func respondWith(t *testing.T, status int, body string, headers ...string) (c *Client, requested *string) {
	t.Helper()
	requested = new(string)
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		*requested = r.Method + " " + r.RequestURI
		for i := 0; i < len(headers); i += 2 {
			w.Header().Add(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}), requested
}

func TestClient_Stats(t *testing.T) {
	t.Parallel()
	c, requested := respondWith(t, 200, `{"received":3,"unique_processed":2,"duplicate_dropped":1,"stored_events":2,"topics_active":1,"uptime_seconds":1.5,"later":{}}`)
	got, err := c.Stats(t.Context())
	if want := (store.Stats{Received: 3, Stored: 2, Kept: 2, Duplicates: 1, Topics: 1}); err != nil || got != want || *requested != "GET /stats" {
		t.Errorf("%s: %+v, %v", *requested, got, err)
	}
}

func TestClient_TopicStats(t *testing.T) {
	t.Parallel()
	c, requested := respondWith(t, 200, `[{"topic":"a","unique_processed":2,"duplicate_dropped":1,
		"first_seen":"2025-12-19T12:00:00Z","last_seen":"2025-12-19T13:00:00.5+01:00"}]`)
	got, err := c.TopicStats(t.Context(), store.TopicQuery{})
	noon := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	want := []store.TopicStats{{Topic: "a", Stored: 2, Duplicates: 1, FirstSeen: noon, LastSeen: noon.Add(500 * time.Millisecond)}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" || *requested != "GET /stats/topics" {
		t.Errorf("%s: %v\n%s", *requested, err, diff)
	}
}

const wireEvent = `{"topic":"t","event_id":"e","timestamp":"2025-12-19T12:00:00Z","source":"s",` +
	`"payload":{"n":1.50,"big":12345678901234567890,"s":"<&>"},"created_at":"2025-12-19T12:00:01.000002Z"}`

func wireRecord() store.Record {
	noon := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	return store.Record{
		Event: event.Event{
			Topic: "t", ID: "e", Timestamp: noon, Source: "s", Payload: `{"n":1.50,"big":12345678901234567890,"s":"<&>"}`,
		},
		CreatedAt: noon.Add(time.Second + 2*time.Microsecond),
	}
}

func TestClient_EventKeepsEveryDigit(t *testing.T) {
	t.Parallel()
	c, requested := respondWith(t, 200, wireEvent)
	got, err := c.Event(t.Context(), event.Key{Topic: "t", ID: "e"})
	if diff := cmp.Diff(wireRecord(), got); err != nil || diff != "" || *requested != "GET /events/t/e" {
		t.Errorf("%s: %v\n%s", *requested, err, diff)
	}
}

func TestClient_Events(t *testing.T) {
	t.Parallel()
	c, requested := respondWith(t, 200, "["+wireEvent+"]",
		"Link", `<?cursor=abc&limit=1>; rel="next", <?cursor=def>; rel="prev"`)
	noon := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	got, err := c.Events(t.Context(), EventsQuery{
		Filter: store.Filter{Topic: "a&b", Source: "c d", Since: noon, Until: noon.Add(time.Hour)}, Limit: 1, Cursor: "xyz", Stable: true,
	})
	want := Page{Records: []store.Record{wireRecord()}, Next: "abc", Prev: "def"}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	const query = "GET /events?cursor=xyz&limit=1&settled=true&since=2025-12-19T12%3A00%3A00Z&source=c+d&topic=a%26b&until=2025-12-19T13%3A00%3A00Z"
	if *requested != query {
		t.Errorf("requested %s", *requested)
	}
	if _, err := c.Events(t.Context(), EventsQuery{}); err != nil || *requested != "GET /events" {
		t.Errorf("requested %s, %v", *requested, err)
	}
}

func TestClient_ReadErrors(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		status int
		body   string
		want   error
	}{
		"no such event":             {404, `{"detail":"There is no such event."}`, store.ErrNotFound},
		"unavailable":               {503, `{}`, store.ErrUnavailable},
		"a cursor of another store": {422, `{"type":"` + api.ProblemCursor + `"}`, store.ErrForeignPosition},
		"another program":           {200, `<html>`, errResponse},
		"JSON of another form":      {200, `[1,2]`, errResponse},
		"an incomplete response":    {200, `{"topic":`, store.ErrUnavailable},
		"an empty response":         {200, ``, store.ErrUnavailable},
		"an invalid timestamp":      {200, `{"timestamp":"noon"}`, errResponse},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := respondWith(t, row.status, row.body)
			if _, err := c.Event(t.Context(), event.Key{Topic: "t", ID: "e"}); !errors.Is(err, row.want) {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestClient_Ready(t *testing.T) {
	t.Parallel()
	c, requested := respondWith(t, 200, `{"status":"ok","checks":{"store":"ok"}}`)
	if err := c.Ready(t.Context()); err != nil || *requested != "GET /readyz" {
		t.Errorf("%s: %v", *requested, err)
	}
	c, _ = respondWith(t, 503, `{"status":"unavailable","checks":{"server":"draining"}}`)
	if err := c.Ready(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	c, _ = respondWith(t, 404, ``)
	if err := c.Ready(t.Context()); err == nil || store.Temporary(err) {
		t.Errorf("of another program: %v", err)
	}
}

func TestClient_EscapesKeysOnce(t *testing.T) {
	t.Parallel()
	var got []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		got = strings.Split(r.URL.EscapedPath(), "/")
		_, _ = io.WriteString(w, wireEvent)
	}, func(o *Options) { o.URL += "/a%20b" })
	rapid.Check(t, func(t *rapid.T) {
		key := event.Key{
			Topic: rapid.OneOf(rapid.SampledFrom([]string{".", "..", "/", "%", "a+b", "?", "#", ";", "*", "a/../b"}), rapid.StringN(1, 9, -1)).Draw(t, "topic"),
			ID:    rapid.StringN(1, 9, -1).Draw(t, "id"),
		}
		if _, err := c.Event(t.Context(), key); err != nil {
			t.Fatal(err)
		}
		if len(got) != 5 || got[1] != "a%20b" || got[3] == "." || got[3] == ".." {
			t.Fatalf("path %q", got)
		}
		topic, errTopic := url.PathUnescape(got[3])
		id, errID := url.PathUnescape(got[4])
		if errTopic != nil || errID != nil || topic != key.Topic || id != key.ID {
			t.Errorf("%q arrives as %q, %q", key, topic, id)
		}
	})
}

func TestLinkedCursor(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		headers []string
		want    string
	}{
		"none":                     {nil, ""},
		"relative to the request":  {[]string{`<?cursor=abc>; rel="next"`}, "abc"},
		"the second of two":        {[]string{`</events?cursor=x>; rel="prev", </events?cursor=abc>; rel="next"`}, "abc"},
		"in another header":        {[]string{`<x>; rel=help`, `<?cursor=abc>;rel=next`}, "abc"},
		"of an earlier version":    {[]string{`</events?cursor=abc>; rel="next"`}, "abc"},
		"behind a proxy":           {[]string{`<https://example.com/x/events?a=1&cursor=abc#f>; REL="Next"`}, "abc"},
		"one of two relations":     {[]string{`<?cursor=abc>; rel="first next"`}, "abc"},
		"a comma in a parameter":   {[]string{`<?cursor=no>; title="a, <?cursor=no>; rel=next", <?cursor=abc>; rel=next`}, "abc"},
		"a comma in the target":    {[]string{`<?cursor=a,b>; rel=next`}, "a,b"},
		"an escaped cursor":        {[]string{`<?cursor=a%2Bb>; rel=next`}, "a+b"},
		"another relation":         {[]string{`<?cursor=abc>; rel=prev`}, ""},
		"no relation":              {[]string{`<?cursor=abc>`}, ""},
		"an incomplete link":       {[]string{`<?cursor=abc`}, ""},
		"a target that is invalid": {[]string{`<%zz?cursor=abc>; rel=next, <?cursor=abc>; rel=next`}, "abc"},
		"no cursor in the link":    {[]string{`</events>; rel=next`}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := linkedCursor(row.headers, "next"); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func FuzzLinkedCursor(f *testing.F) {
	for _, seed := range []string{`</events?cursor=abc>; rel="next"`, `<a>,<b>;rel=next;x="`, `<`, `>`, `"`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, header string) {
		if got := linkedCursor([]string{header}, "next"); got != "" && !strings.Contains(strings.ToLower(header), "next") {
			t.Errorf("%q has the cursor %q", header, got)
		}
		if got := linkedCursor([]string{header, fmt.Sprintf(`</events?cursor=%s>; rel="last"`, "abc")}, "last"); got == "" && !strings.Contains(strings.ToLower(header), "last") {
			t.Errorf("%q hides the next header", header)
		}
	})
}

// TestClient_TopicStatsFollowsLinks reads pages below a base URL with a path.
func TestClient_TopicStatsFollowsLinks(t *testing.T) {
	t.Parallel()
	var requested []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requested = append(requested, r.URL.RequestURI())
		page := len(requested)
		if page%3 != 0 {
			w.Header().Set("Link", fmt.Sprintf(`<?cursor=after-%d>; rel="next"`, page))
		}
		_, _ = fmt.Fprintf(w, `[{"topic":"%d"},{"topic":"%d b"}]`, page, page)
	}))
	defer server.Close()
	c, err := New(Options{URL: server.URL + "/tools/eventagg"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	all, err := c.TopicStats(t.Context(), store.TopicQuery{})
	if err != nil || len(all) != 6 {
		t.Errorf("got %+v, %v, want 6 topics", all, err)
	}
	some, err := c.TopicStats(t.Context(), store.TopicQuery{Topic: "a b", Limit: 4})
	if err != nil || len(some) != 4 {
		t.Errorf("got %+v, %v, want 4 topics", some, err)
	}
	want := []string{
		"/tools/eventagg/stats/topics", "/tools/eventagg/stats/topics?cursor=after-1", "/tools/eventagg/stats/topics?cursor=after-2",
		"/tools/eventagg/stats/topics?limit=4&topic=a+b", "/tools/eventagg/stats/topics?cursor=after-4&limit=2&topic=a+b",
	}
	if diff := cmp.Diff(want, requested); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
