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

// ids returns the event_ids of an answer in its order.
func ids(t *testing.T, answer *httptest.ResponseRecorder) []string {
	t.Helper()
	var events []api.Event
	if err := json.Unmarshal(answer.Body.Bytes(), &events); err != nil || answer.Code != 200 {
		t.Fatalf("status %d, %v: %s", answer.Code, err, answer.Body)
	}
	found := []string{}
	for _, e := range events {
		found = append(found, e.EventID)
	}
	return found
}

// link returns where a link of an answer leads, or "".
func link(answer *httptest.ResponseRecorder, relation string) string {
	found := regexp.MustCompile(`<([^>]*)>; rel="` + relation + `"`).FindStringSubmatch(answer.Header().Get("Link"))
	if found == nil {
		return ""
	}
	return found[1]
}

func TestEvents(t *testing.T) {
	t.Parallel()
	s := serverWith(new(memory).fill(12)) // created at noon and 1 to 12 seconds
	for query, want := range map[string][]string{
		"":                                   {"e12", "e11", "e10", "e9", "e8", "e7", "e6", "e5", "e4", "e3"},
		"limit=2":                            {"e12", "e11"},
		"limit=1000&topic=t0":                {"e12", "e10", "e8", "e6", "e4", "e2"},
		"topic=t0&source=s0":                 {"e12", "e6"},
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
			if diff := cmp.Diff(want, ids(t, ask(s, "GET", "/events?"+query, ""))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestEventsRefuses(t *testing.T) {
	t.Parallel()
	s := serverWith(new(memory).fill(3))
	for query, want := range map[string]string{
		"limit=0":                 "422 limit",
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
			answer := ask(s, "GET", "/events?"+query, "")
			checkProblem(t, answer.Code, answer.Header(), answer.Body.Bytes())
			var problem api.Problem
			if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil {
				t.Fatal(err)
			}
			got := fmt.Sprint(answer.Code)
			for _, fault := range problem.Errors {
				got += " " + fault.Field
			}
			if got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
}

func TestCursorOfAnotherStoreIsAProblemOfItsOwn(t *testing.T) {
	t.Parallel()
	cursor := api.Cursor{Newer: true, Position: store.Position{Commit: 1000}}
	answer := ask(serverWith(new(memory).fill(3)), "GET", "/events?cursor="+cursor.String(), "")
	var problem api.Problem
	if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil {
		t.Fatal(err)
	}
	if problem.Type != api.ProblemCursor || problem.Status != 422 || !strings.Contains(problem.Detail, "Start again without a cursor") {
		t.Errorf("answered %+v", problem)
	}
}

func TestEventsShowAllOfAnEvent(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	ask(s, "POST", "/publish", goodEvent)
	want := `{"topic":"t","event_id":"e","timestamp":"2025-12-19T12:00:00Z","source":"s","payload":{"k":1.50},"created_at":"2025-12-19T12:00:01Z"}`
	if got := ask(s, "GET", "/events", "").Body.String(); got != "["+want+"]\n" {
		t.Errorf("list %s", got)
	}
	if got := ask(s, "GET", "/events/t/e", "").Body.String(); got != want+"\n" {
		t.Errorf("one %s", got)
	}
}

func TestWalkAlongNextShowsEachEventOnceAndEnds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := new(memory).fill(rapid.IntRange(0, 40).Draw(t, "events"))
		asked := rapid.IntRange(1, 15).Draw(t, "limit")
		filter := rapid.SampledFrom([]string{"", "&topic=t1", "&source=s2&since=2025-12-19T12:00:05Z"}).Draw(t, "filter")
		all := collect(t, ask(serverWith(m), "GET", "/events?limit=1000"+filter, ""))
		m.short = rapid.IntRange(0, 20).Draw(t, "short")
		limit := m.atMost(asked)
		s := serverWith(m)
		var walked []string
		pages := 0
		for target := fmt.Sprintf("/events?limit=%d%s", asked, filter); target != ""; pages++ {
			answer := ask(s, "GET", target, "")
			walked = append(walked, collect(t, answer)...)
			target = link(answer, "next")
			m.fill(1 + pages) // what is stored meanwhile must not show: the IDs exist, these are repeats
			_, _ = m.Append(t.Context(), []event.Event{{Topic: "t1", ID: fmt.Sprint("later", pages), Source: "s2", Payload: "{}"}})
		}
		if !slices.Equal(all, walked) || pages != max(1, (len(all)+limit-1)/limit) {
			t.Errorf("walked %v in %d pages, want %v", walked, pages, all)
		}
	})
}

// collect is ids for rapid's tests.
func collect(t *rapid.T, answer *httptest.ResponseRecorder) []string {
	var events []api.Event
	if err := json.Unmarshal(answer.Body.Bytes(), &events); err != nil {
		t.Fatalf("%v: %s", err, answer.Body)
	}
	var found []string
	for _, e := range events {
		found = append(found, e.EventID)
	}
	return found
}

func TestFollowingAlongPrev(t *testing.T) {
	t.Parallel()
	m := new(memory).fill(5)
	s := serverWith(m)
	first := ask(s, "GET", "/events?settled=true&limit=2&topic=t1", "")
	if diff := cmp.Diff([]string{"e5", "e3"}, ids(t, first)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if !strings.Contains(first.Header().Get("Link"), ", ") || link(first, "next") == "" {
		t.Errorf("Link: %s", first.Header().Get("Link"))
	}
	quiet := ask(s, "GET", link(first, "prev"), "")
	if got := ids(t, quiet); len(got) != 0 || link(quiet, "prev") == "" || link(quiet, "next") != "" {
		t.Errorf("got %v, Link: %s", got, quiet.Header().Get("Link"))
	}
	m.fill(11)
	newer := ask(s, "GET", link(quiet, "prev"), "")
	if diff := cmp.Diff([]string{"e9", "e7"}, ids(t, newer)); diff != "" { // newest first, oldest page first
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"e11"}, ids(t, ask(s, "GET", link(newer, "prev"), ""))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFollowingLargeEventsAlongPrev(t *testing.T) {
	t.Parallel()
	m := &memory{short: 2}
	s := serverWith(m)
	answer := ask(s, "GET", "/events?settled=true&limit=10", "")
	m.fill(5)
	for _, want := range [][]string{{"e2", "e1"}, {"e4", "e3"}, {"e5"}, {}} {
		answer = ask(s, "GET", link(answer, "prev"), "")
		if diff := cmp.Diff(want, ids(t, answer)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestFollowingFromAnEmptyStore(t *testing.T) {
	t.Parallel()
	m := &memory{}
	s := serverWith(m)
	answer := ask(s, "GET", "/events?settled=true", "")
	if answer.Body.String() != "[]\n" || link(answer, "next") != "" {
		t.Errorf("%s, Link: %s", answer.Body, answer.Header().Get("Link"))
	}
	m.fill(1)
	if got := ids(t, ask(s, "GET", link(answer, "prev"), "")); len(got) != 1 {
		t.Errorf("got %v", got)
	}
}

func TestLargePagesAreSentWhole(t *testing.T) {
	t.Parallel()
	m := &memory{}
	payload := `{"x":"` + strings.Repeat("y", 3000) + `"}`
	for i := range 100 {
		_, _ = m.Append(t.Context(), []event.Event{{Topic: "t", ID: fmt.Sprint(i), Timestamp: noon(), Source: "s", Payload: payload}})
	}
	s := serverWith(m)
	answer := ask(s, "GET", "/events?limit=100", "")
	if got := ids(t, answer); len(got) != 100 || got[0] != "99" {
		t.Errorf("got %d events", len(got))
	}
	if head := ask(s, "HEAD", "/events?limit=100", ""); head.Code != 200 || head.Body.Len() != 0 {
		t.Errorf("HEAD: %d, %d bytes", head.Code, head.Body.Len())
	}
}

// hostile are texts that paths and queries tend to get wrong.
func hostile() []string {
	return []string{
		"a", ".", "..", "a/b", "/", "//", "a b", " a", "50%", "%2F", "%25", "a+b", "a?b", "a#b", "a;b", "a&b=c", "*", ":topic",
		"stream", "ünïcödé", "日本語", "🙂", "\"quoted\"", "<script>", "a\\b", "a:b", "http://x/y", "~", "'", "a%00b", "\u00ad",
	}
}

func TestEventByKeyTakesAnyText(t *testing.T) {
	t.Parallel()
	m := &memory{}
	s := serverWith(m)
	for i, text := range hostile() {
		other := hostile()[len(hostile())-1-i]
		_, _ = m.Append(t.Context(), []event.Event{{Topic: text, ID: other, Timestamp: noon(), Source: "s", Payload: "{}"}})
		answer := ask(s, "GET", "/events/"+url.PathEscape(text)+"/"+url.PathEscape(other), "")
		var got api.Event
		if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil || got.Topic != text || got.EventID != other {
			t.Errorf("topic %q, ID %q: %d %s", text, other, answer.Code, answer.Body)
		}
		filtered := ask(s, "GET", "/events?topic="+url.QueryEscape(text), "")
		if found := ids(t, filtered); len(found) != 1 || found[0] != other {
			t.Errorf("?topic=%q: %v", text, found)
		}
	}
}

func TestNoSuchEvent(t *testing.T) {
	t.Parallel()
	s := serverWith(new(memory).fill(1))
	for _, path := range []string{
		"/events/t1/e2", "/events/t1/", "/events//e1", "/events//", "/events/t1", "/events/", "/events/t1/e1/", "/events/t1/e1/x",
		"/events/%00/e1", "/events/t1/%FF", "/events/t1/" + strings.Repeat("x", 513), "/events/%20/%20", "/events/../events/t1/e1",
		"/nothing", "//", "/events/%2e%2e/stats", "/publish/", "/EVENTS",
	} {
		answer := ask(s, "GET", path, "")
		if answer.Code != 404 {
			t.Errorf("%s: %d %s", path, answer.Code, answer.Body)
			continue
		}
		checkProblem(t, answer.Code, answer.Header(), answer.Body.Bytes())
	}
}

func TestReadErrorsOfTheStore(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/stats", "/stats/topics", "/events", "/events?settled=true", "/events?cursor=" + api.Cursor{Newer: true}.String(), "/events/t1/e1"} {
		for err, status := range map[error]int{store.ErrUnavailable: 503, fmt.Errorf("SELECT: broken"): 500} {
			m := new(memory).fill(1)
			m.fail = err
			answer := ask(serverWith(m), "GET", path, "")
			checkProblem(t, answer.Code, answer.Header(), answer.Body.Bytes())
			if answer.Code != status || strings.Contains(answer.Body.String(), "SELECT") {
				t.Errorf("%s with %v: %d %s", path, err, answer.Code, answer.Body)
			}
		}
	}
}
