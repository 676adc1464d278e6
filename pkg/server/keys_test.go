package server

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/auth"
	"github.com/eventagg/eventagg/pkg/event"
)

// A new route must not be public by accident: this list has what may be.
func TestScopeOf_OnlyRoutesWithoutDataArePublic(t *testing.T) {
	t.Parallel()
	s := serverWith(new(memory), func(o *Options) { o.Metrics = http.NotFoundHandler() })
	public := regexp.MustCompile(`^/$|^/docs(/.*)?$|^/openapi\.json$|^/(healthz|livez|health/live|readyz|health|ready|health/ready)$|^/session$`)
	for _, route := range s.echo.Routes() {
		if scopeOf(route.Path) == 0 && !public.MatchString(route.Path) {
			t.Errorf("%s %s needs no scope", route.Method, route.Path)
		}
	}
}

// The pages of a key with few topics have only its topics, also in the link to the next
// page: its cursor contains the name of a topic.
func TestTopicStats_PagesOfAKeyHideOtherTopics(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, auth.Entry{ID: "one", Scopes: auth.ScopeMetrics, Topics: []string{"t1"}},
		auth.Entry{ID: "two", Scopes: auth.ScopeMetrics, Topics: []string{"t1", "t5"}},
		auth.Entry{ID: "pattern", Scopes: auth.ScopeMetrics, Topics: []string{"*5", "t3*"}},
		auth.Entry{ID: "none", Scopes: auth.ScopeMetrics, Topics: []string{"other*"}})
	m := new(memory)
	s := serverWith(m, option)
	for _, topic := range []string{"t0", "t1", "t2", "t3", "t4", "t5", "t6"} {
		if _, err := m.Append(t.Context(), []event.Event{{Topic: topic, ID: "e", Timestamp: noon(), Source: "s", Payload: "{}"}}); err != nil {
			t.Fatal(err)
		}
	}
	for _, row := range []struct {
		name, id, query string
		status          int
		pages           []string // the topics of each page
	}{
		{"one topic", "one", "", 200, []string{"t1"}},
		{"one topic in pages of one", "one", "?limit=1", 200, []string{"t1"}},
		{"two topics in one page", "two", "", 200, []string{"t1,t5"}},
		{"two topics in pages of one", "two", "?limit=1", 200, []string{"t1", "t5"}},
		{"patterns", "pattern", "?limit=1", 200, []string{"t3", "t5"}},
		{"a topic by name", "pattern", "?topic=t5", 200, []string{"t5"}},
		{"no topic that exists", "none", "?limit=1", 200, []string{""}},
		{"a forbidden topic", "one", "?topic=t0", 403, nil},
		{"a forbidden topic that does not exist", "one", "?topic=none", 403, nil},
	} {
		path := api.PathTopicStats + row.query
		var pages []string
		for path != "" && len(pages) < 9 {
			response := send(s, http.MethodGet, path, "", "Authorization", bearer(all[row.id]))
			if response.Code != row.status {
				t.Errorf("%s: %d %s", row.name, response.Code, response.Body)
			}
			if response.Code != http.StatusOK {
				break
			}
			var topics []string
			for _, found := range regexp.MustCompile(`"topic":"([^"]*)"`).FindAllStringSubmatch(response.Body.String(), -1) {
				topics = append(topics, found[1])
			}
			pages = append(pages, strings.Join(topics, ","))
			path = ""
			if link := regexp.MustCompile(`<(.*)>`).FindStringSubmatch(response.Header().Get("Link")); link != nil {
				path = api.PathTopicStats + link[1]
			}
		}
		if !slices.Equal(pages, row.pages) {
			t.Errorf("%s: pages %q, want %q", row.name, pages, row.pages)
		}
	}
}

// A stream of lines may take hours, so it must not outlive its key for long.
func TestPublishLines_EndsAfterItsKeyWasRemoved(t *testing.T) {
	t.Parallel()
	key, other := auth.NewKey(), auth.NewKey()
	before, err := auth.NewSet([]auth.Entry{{ID: "a", Scopes: auth.ScopePublish, Hashes: []auth.Hash{key.Hash()}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	after, err := auth.NewSet([]auth.Entry{{ID: "b", Scopes: auth.ScopePublish, Hashes: []auth.Hash{other.Hash()}}}, 0)
	if err != nil {
		t.Fatal(err)
	}
	var set atomic.Pointer[auth.Set]
	set.Store(before)
	var skipped atomic.Int64
	m := new(memory)
	s := serverWith(m, func(o *Options) {
		o.Keys = set.Load
		o.Now = func() time.Time { return noon().Add(time.Duration(skipped.Load())) }
	})
	body, lines := io.Pipe()
	request := httptest.NewRequest(http.MethodPost, api.PathPublish, body)
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.Header.Set("Authorization", bearer(key))
	response, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(done)
		s.Handler().ServeHTTP(response, request)
		_ = body.Close() // ends the writes below
	}()
	line := func(id string) error {
		_, err := io.WriteString(lines, strings.Replace(newEvent, `"new"`, `"`+id+`"`, 1)+"\n")
		return err
	}
	if err := line("first"); err != nil {
		t.Fatal(err)
	}
	set.Store(after)
	skipped.Store(int64(20 * time.Second))
	for n := 0; line("later"+strings.Repeat("x", n)) == nil; n++ {
		if n > 5 {
			t.Fatal("the stream goes on without a key")
		}
	}
	<-done
	if response.Code != http.StatusUnauthorized || !strings.Contains(response.Body.String(), `"committed_lines":`) {
		t.Errorf("%d %s", response.Code, response.Body)
	}
}

func TestAuthenticate_CountsForbiddenTopicsByKey(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, someEntries()...)
	got := map[string]int{}
	s := serverWith(new(memory).fill(4), option, func(o *Options) { o.OnAuthFailure = func(reason, key string) { got[reason+" "+key]++ } })
	send(s, http.MethodGet, "/events?topic=t0", "", "Authorization", bearer(all["t1"]))
	send(s, http.MethodPost, api.PathPublish, strings.Replace(newEvent, `"t1"`, `"t0"`, 1), "Authorization", bearer(all["t1"]))
	send(s, http.MethodGet, "/events", "", "Authorization", bearer(all["publisher"]))
	send(s, http.MethodGet, "/events", "")
	for what, want := range map[string]int{"topic t1": 2, "scope publisher": 1, "missing ": 1} {
		if got[what] != want {
			t.Errorf("%s: %d, want %d (all: %v)", what, got[what], want, got)
		}
	}
}

func TestTraced_SpansHaveTheIDOfTheKey(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, someEntries()...)
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	s := serverWith(new(memory), option, func(o *Options) { o.Tracer = provider.Tracer("test") })
	send(s, http.MethodGet, "/events", "", "Authorization", bearer(all["reader"]))
	ended := spans.Ended()
	if len(ended) != 1 || !slices.Contains(ended[0].Attributes(), attribute.String("eventagg.key", "reader")) {
		t.Errorf("spans %v", ended)
	}
}

// Whatever the header contains, it is one of the responses of RFC 6750.
func FuzzAuthenticate_Header(f *testing.F) {
	key := auth.NewKey()
	for _, seed := range []string{"", "Bearer", "Bearer ", "bearer x", "Basic YTpi", bearer(key), bearer(key) + " ", bearer(key) + ",x", "Bearer\t" + key.Reveal(), "Bearer \xff", bearer(key)[:40], strings.Repeat("Bearer ", 9)} {
		f.Add(seed)
	}
	set, err := auth.NewSet([]auth.Entry{{ID: "a", Scopes: auth.ScopeAdmin, Hashes: []auth.Hash{key.Hash()}}}, 0)
	if err != nil {
		f.Fatal(err)
	}
	s := serverWith(new(memory), func(o *Options) { o.Keys = func() *auth.Set { return set } })
	f.Fuzz(func(t *testing.T, header string) {
		s.failures = auth.NewFailures(noon)
		request := httptest.NewRequest(http.MethodGet, api.PathStats, http.NoBody)
		request.Header["Authorization"] = []string{header}
		response := httptest.NewRecorder()
		s.Handler().ServeHTTP(response, request)
		want := http.StatusUnauthorized
		if strings.Contains(header, key.Reveal()) {
			want = response.Code // either is right, it depends on what surrounds the key
		}
		if response.Code != want || response.Code != http.StatusOK && response.Code != http.StatusUnauthorized {
			t.Errorf("%q: %d %s", header, response.Code, response.Body)
		}
	})
}

// An operator lowers the limits of a key to stop a stream that takes too much.
func TestPublishLines_FollowsTheLimitsOfItsKey(t *testing.T) {
	t.Parallel()
	key := auth.NewKey()
	var set atomic.Pointer[auth.Set]
	use := func(limits auth.Limits) {
		loaded, err := auth.NewSet([]auth.Entry{{ID: "a", Scopes: auth.ScopePublish, Hashes: []auth.Hash{key.Hash()}, Limits: limits}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		set.Store(loaded)
	}
	use(auth.Limits{})
	var skipped atomic.Int64
	limited := make(chan struct{}, 1)
	s := serverWith(new(memory), func(o *Options) {
		o.Keys = set.Load
		o.Now = func() time.Time { return noon().Add(time.Duration(skipped.Load())) }
		o.OnLimited = func(string, bool) { limited <- struct{}{} }
	})
	body, lines := io.Pipe()
	request := httptest.NewRequest(http.MethodPost, api.PathPublish, body)
	request.Header.Set("Content-Type", "application/x-ndjson")
	request.Header.Set("Authorization", bearer(key))
	response, done := httptest.NewRecorder(), make(chan struct{})
	go func() {
		defer close(done)
		s.Handler().ServeHTTP(response, request)
	}()
	sent := 0
	for len(limited) == 0 {
		if sent == 40 {
			use(auth.Limits{Events: 20})
			skipped.Store(int64(20 * time.Second))
		}
		if sent == 100 {
			t.Fatal("the stream goes on without the new limit")
		}
		if _, err := io.WriteString(lines, eventNumber(sent)+"\n"); err != nil {
			t.Fatal(err)
		}
		sent++
	}
	_ = lines.Close()
	<-done
	if want := fmt.Sprintf(`"success":%d`, sent); response.Code != http.StatusOK || !strings.Contains(response.Body.String(), want) || sent < 60 {
		t.Errorf("%d %s, want all %d lines, limited after 60", response.Code, response.Body, sent)
	}
}
