package server

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// ids returns the event_ids of a response in its order.
func ids(t *testing.T, response *httptest.ResponseRecorder) []string {
	t.Helper()
	var events []api.Event
	if err := json.Unmarshal(response.Body.Bytes(), &events); err != nil || response.Code != 200 {
		t.Fatalf("status %d, %v: %s", response.Code, err, response.Body)
	}
	found := []string{}
	for _, e := range events {
		found = append(found, e.EventID)
	}
	return found
}

// link returns the target of a link of a response of GET /events, or "". The link
// must be relative, because the server does not know the path prefix of a proxy.
func link(response *httptest.ResponseRecorder, relation string) string {
	found := regexp.MustCompile(`<([^>]*)>; rel="` + relation + `"`).FindStringSubmatch(response.Header().Get("Link"))
	if len(found) != 2 || !strings.HasPrefix(found[1], "?") {
		return ""
	}
	return "/events" + found[1]
}

func TestEvents_Query(t *testing.T) {
	t.Parallel()
	s := serverWith(new(memory).fill(12)) // created 1 to 12 seconds after noon
	for query, want := range map[string][]string{
		"":                                   {"e12", "e11", "e10", "e9", "e8", "e7", "e6", "e5", "e4", "e3"},
		"limit=2":                            {"e12", "e11"},
		"limit=1000&topic=t0":                {"e12", "e10", "e8", "e6", "e4", "e2"},
		"topic=t0&source=s0":                 {"e12", "e6"},
		"event_id=e7":                        {"e7"},
		"event_id=e7&topic=t1&settled=true":  {"e7"},
		"event_id=e7&topic=t0":               {},
		"event_id=none":                      {},
		"topic=none":                         {},
		"since=2025-12-19T12:00:11Z":         {"e12", "e11"},
		"until=2025-12-19T12:00:02Z":         {"e1"},
		"since=2025-12-19+12:00:11":          {"e12", "e11"},
		"since=2025-12-19T12:00:11":          {"e12", "e11"},
		"since=2025-12-19T19:00:11%2B07:00":  {"e12", "e11"},
		"since=2025-12-19T19:00:11+07:00":    {"e12", "e11"},
		"since=2025-12-19+19:00:11+07":       {"e12", "e11"},
		"since=2025-12-20":                   {},
		"since=2025-12-20&until=2025-12-19":  {},
		"since=2025-12-19&until=2025-12-20&": {"e12", "e11", "e10", "e9", "e8", "e7", "e6", "e5", "e4", "e3"},
		"settled=false&limit=1":              {"e12"},
		"settled=true&limit=1":               {"e12"},
	} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(want, ids(t, send(s, "GET", "/events?"+query, ""))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEvents_InvalidQuery(t *testing.T) {
	t.Parallel()
	s := serverWith(new(memory).fill(3))
	for query, want := range map[string]string{
		"limit=0":                 "422 limit",
		"event_id=":               "422 event_id",
		"event_id=%00":            "422 event_id",
		"event_id=a&event_id=b":   "422 event_id",
		"limit=1001":              "422 limit",
		"limit=-1":                "422 limit",
		"limit=%2B5":              "422 limit",
		"limit=ten":               "422 limit",
		"limit=":                  "422 limit",
		"limit=5&limit=6":         "422 limit",
		"limit=0x10":              "422 limit",
		"limit=99999999999999999": "422 limit",
		"since=yesterday":         "422 since",
		"until=2025-02-30":        "422 until",
		"since=0000-01-01":        "422 since",
		"cursor=x":                "422 cursor",
		"cursor=" + url.QueryEscape("../../etc/passwd"): "422 cursor",
		"cursor=bzEuMQ==":                     "422 cursor", // padded
		"cursor=" + strings.Repeat("A", 5000): "422 cursor",
		"cursor=" + api.Cursor{Newer: true, Position: store.Position{Commit: 5}}.String(): "422 cursor", // of another store
		"settled=1": "422 settled",
		"settled=true&cursor=" + api.Cursor{Newer: true}.String(): "422 settled",
		"topic=":                             "422 topic",
		"topic=%00":                          "422 topic",
		"topic=%FF":                          "422 topic",
		"topic=%20":                          "422 topic",
		"source=" + strings.Repeat("x", 256): "422 source",
		"topc=x":                             "422 topc",
		"%FF=x":                              "422 \uFFFD",
		"limit=0&since=x&until=y&cursor=z&settled=no&topic=&foo=1": "422 foo topic since until limit cursor settled",
		"limit=%":    "400",
		"topic=%zz":  "400",
		"a=1;b=2":    "400",
		"topic=a%2":  "400",
		"limit=5%20": "422 limit",
	} {
		t.Run(query[:min(len(query), 60)], func(t *testing.T) {
			t.Parallel()
			response := send(s, "GET", "/events?"+query, "")
			checkProblem(t, response.Code, response.Header(), response.Body.Bytes())
			var problem api.Problem
			if err := json.Unmarshal(response.Body.Bytes(), &problem); err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(response.Code)
			for _, field := range problem.Errors {
				got += " " + field.Field
			}
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestEvents_CursorOfOtherDataHasItsOwnProblemType(t *testing.T) {
	t.Parallel()
	cursor := api.Cursor{Newer: true, Position: store.Position{Commit: 1000}}
	response := send(serverWith(new(memory).fill(3)), "GET", "/events?cursor="+cursor.String(), "")
	var problem api.Problem
	if err := json.Unmarshal(response.Body.Bytes(), &problem); err != nil {
		t.Fatal(err)
	}
	if problem.Type != api.ProblemCursor || problem.Status != 422 || !strings.Contains(problem.Detail, "Start again without a cursor") {
		t.Errorf("got %+v", problem)
	}
}

func TestEvents_HaveAllMembers(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	send(s, "POST", "/publish", goodEvent)
	want := `{"topic":"t","event_id":"e","timestamp":"2025-12-19T12:00:00Z","source":"s","payload":{"k":1.50},"created_at":"2025-12-19T12:00:01Z"}`
	if got := send(s, "GET", "/events", "").Body.String(); got != "["+want+"]\n" {
		t.Errorf("list %s", got)
	}
	if got := send(s, "GET", "/events/t/e", "").Body.String(); got != want+"\n" {
		t.Errorf("one %s", got)
	}
}

func TestEvents_NextLinksShowEachEventOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := new(memory).fill(rapid.IntRange(0, 40).Draw(t, "events"))
		requested := rapid.IntRange(1, 15).Draw(t, "limit")
		filter := rapid.SampledFrom([]string{"", "&topic=t1", "&source=s2&since=2025-12-19T12:00:05Z"}).Draw(t, "filter")
		all := collect(t, send(serverWith(m), "GET", "/events?limit=1000"+filter, ""))
		m.maxRows = rapid.IntRange(0, 20).Draw(t, "maxRows")
		limit := m.pageSize(requested)
		s := serverWith(m)
		var walked []string
		pages := 0
		for target := fmt.Sprintf("/events?limit=%d%s", requested, filter); target != ""; pages++ {
			response := send(s, "GET", target, "")
			walked = append(walked, collect(t, response)...)
			target = link(response, "next")
			m.fill(1 + pages) // duplicates stored meanwhile must not appear
			_, _ = m.Append(t.Context(), []event.Event{{Topic: "t1", ID: fmt.Sprint("later", pages), Source: "s2", Payload: "{}"}})
		}
		if !slices.Equal(all, walked) || pages != max(1, (len(all)+limit-1)/limit) {
			t.Errorf("walked %v in %d pages, want %v", walked, pages, all)
		}
	})
}

// collect is ids for property tests.
func collect(t *rapid.T, response *httptest.ResponseRecorder) []string {
	var events []api.Event
	if err := json.Unmarshal(response.Body.Bytes(), &events); err != nil {
		t.Fatalf("%v: %s", err, response.Body)
	}
	var found []string
	for _, e := range events {
		found = append(found, e.EventID)
	}
	return found
}

func TestEvents_PrevLinksLeadToNewerEvents(t *testing.T) {
	t.Parallel()
	m := new(memory).fill(5)
	s := serverWith(m)
	first := send(s, "GET", "/events?settled=true&limit=2&topic=t1", "")
	if diff := cmp.Diff([]string{"e5", "e3"}, ids(t, first)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(first.Header().Get("Link"), ", ") || link(first, "next") == "" {
		t.Errorf("Link: %s", first.Header().Get("Link"))
	}
	quiet := send(s, "GET", link(first, "prev"), "")
	if got := ids(t, quiet); len(got) != 0 || link(quiet, "prev") == "" || link(quiet, "next") != "" {
		t.Errorf("got %v, Link: %s", got, quiet.Header().Get("Link"))
	}
	m.fill(11)
	newer := send(s, "GET", link(quiet, "prev"), "")
	if diff := cmp.Diff([]string{"e9", "e7"}, ids(t, newer)); diff != "" { // newest first, oldest page first
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"e11"}, ids(t, send(s, "GET", link(newer, "prev"), ""))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEvents_PrevLinksOfShortPages(t *testing.T) {
	t.Parallel()
	m := &memory{maxRows: 2}
	s := serverWith(m)
	response := send(s, "GET", "/events?settled=true&limit=10", "")
	m.fill(5)
	for _, want := range [][]string{{"e2", "e1"}, {"e4", "e3"}, {"e5"}, {}} {
		response = send(s, "GET", link(response, "prev"), "")
		if diff := cmp.Diff(want, ids(t, response)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestEvents_PrevLinkOfEmptyStore(t *testing.T) {
	t.Parallel()
	m := &memory{}
	s := serverWith(m)
	response := send(s, "GET", "/events?settled=true", "")
	if response.Body.String() != "[]\n" || link(response, "next") != "" {
		t.Errorf("%s, Link: %s", response.Body, response.Header().Get("Link"))
	}
	m.fill(1)
	if got := ids(t, send(s, "GET", link(response, "prev"), "")); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func TestEvents_LargePageIsComplete(t *testing.T) {
	t.Parallel()
	m := &memory{}
	payload := `{"x":"` + strings.Repeat("y", 3000) + `"}`
	for i := range 100 {
		_, _ = m.Append(t.Context(), []event.Event{{Topic: "t", ID: fmt.Sprint(i), Timestamp: noon(), Source: "s", Payload: payload}})
	}
	s := serverWith(m)
	response := send(s, "GET", "/events?limit=100", "")
	if got := ids(t, response); len(got) != 100 || got[0] != "99" {
		t.Errorf("got %d events", len(got))
	}
	if head := send(s, "HEAD", "/events?limit=100", ""); head.Code != 200 || head.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %d bytes", head.Code, head.Body.Len())
	}
}

// unusualTexts returns texts that need care in paths and queries.
func unusualTexts() []string {
	return []string{
		"a", ".", "..", "a/b", "/", "//", "a b", " a", "50%", "%2F", "%25", "a+b", "a?b", "a#b", "a;b", "a&b=c", "*", ":topic",
		"stream", "ünïcödé", "日本語", "🙂", "\"quoted\"", "<script>", "a\\b", "a:b", "http://x/y", "~", "'", "a%00b", "\u00ad",
	}
}

func TestEvent_KeyMayBeAnyText(t *testing.T) {
	t.Parallel()
	m := &memory{}
	s := serverWith(m)
	for i, text := range unusualTexts() {
		other := unusualTexts()[len(unusualTexts())-1-i]
		_, _ = m.Append(t.Context(), []event.Event{{Topic: text, ID: other, Timestamp: noon(), Source: "s", Payload: "{}"}})
		response := send(s, "GET", "/events/"+url.PathEscape(text)+"/"+url.PathEscape(other), "")
		var got api.Event
		if err := json.Unmarshal(response.Body.Bytes(), &got); err != nil || got.Topic != text || got.EventID != other {
			t.Errorf("topic %q, ID %q: %d %s", text, other, response.Code, response.Body)
		}
		filtered := send(s, "GET", "/events?topic="+url.QueryEscape(text), "")
		if found := ids(t, filtered); len(found) != 1 || found[0] != other {
			t.Errorf("?topic=%q: %v", text, found)
		}
	}
}

func TestEvent_NotFound(t *testing.T) {
	t.Parallel()
	s := serverWith(new(memory).fill(1))
	for _, path := range []string{
		"/events/t1/e2", "/events/t1/", "/events//e1", "/events//", "/events/t1", "/events/", "/events/t1/e1/", "/events/t1/e1/x",
		"/events/%00/e1", "/events/t1/%FF", "/events/t1/" + strings.Repeat("x", 513), "/events/%20/%20", "/events/../events/t1/e1",
		"/nothing", "//", "/events/%2e%2e/stats", "/publish/", "/EVENTS",
	} {
		response := send(s, "GET", path, "")
		if response.Code != 404 {
			t.Errorf("%s: %d %s", path, response.Code, response.Body)
			continue
		}
		checkProblem(t, response.Code, response.Header(), response.Body.Bytes())
	}
}

func TestQuery_StoreErrors(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/stats", "/stats/topics", "/duplicates", "/events", "/events?settled=true", "/events?cursor=" + api.Cursor{Newer: true}.String(), "/events/t1/e1"} {
		for err, status := range map[error]int{store.ErrUnavailable: 503, fmt.Errorf("SELECT: broken"): 500} {
			m := new(memory).fill(1)
			m.fail = err
			response := send(serverWith(m), "GET", path, "")
			checkProblem(t, response.Code, response.Header(), response.Body.Bytes())
			if response.Code != status || strings.Contains(response.Body.String(), "SELECT") {
				t.Errorf("%s with %v: %d %s", path, err, response.Code, response.Body)
			}
		}
	}
}
