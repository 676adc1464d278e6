package client

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestClient_AppendReadsResponses(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		status  int
		body    string
		headers []string
		want    event.Outcome
		err     error
		after   time.Duration
	}{
		"stored":                             {200, `{"status":"success","message":"…"}`, nil, event.Stored, nil, 0},
		"stored before with another content": {200, `{"status":"ignored","message":"…","topic":"t","event_id":"i","conflict":true}` + "\n", nil, event.Conflict, nil, 0},
		"conflict in another order":          {200, `{"conflict":true,"status":"ignored"}`, nil, event.Conflict, nil, 0},
		"an ID that looks like a conflict":   {200, `{"status":"ignored","event_id":",\"conflict\":true"}`, nil, event.Duplicate, nil, 0},
		"stored before":                      {200, `{"status":"ignored","message":"…"}`, nil, event.Duplicate, nil, 0},
		"members in another order":           {200, ` {"topic":"t", "status" : "ignored"}`, nil, event.Duplicate, nil, 0},
		"invalid":                            {422, `{}`, nil, event.Rejected, nil, 0},
		"too large":                          {413, ``, nil, event.Rejected, nil, 0},
		"overloaded":                         {503, `{"type":"` + api.ProblemOverloaded + `"}`, []string{"Retry-After", "3"}, 0, store.ErrOverloaded, 3 * time.Second},
		"unavailable":                        {503, `{"type":"` + api.ProblemUnavailable + `"}`, []string{"Retry-After", "1"}, 0, store.ErrUnavailable, time.Second},
		"a proxy's 503 without a body":       {503, ``, nil, 0, store.ErrUnavailable, 0},
		"a rate limit":                       {429, ``, []string{"Retry-After", "7"}, 0, store.ErrOverloaded, 7 * time.Second},
		"a proxy without a server":           {502, `<html>`, nil, 0, store.ErrUnavailable, 0},
		"a timeout of a proxy":               {504, ``, nil, 0, store.ErrUnavailable, 0},
		"a request timeout":                  {408, ``, nil, 0, store.ErrUnavailable, 0},
		"another program":                    {404, `not here`, nil, 0, store.ErrNotFound, 0},
		"200 of another program":             {200, `hello`, nil, 0, errResponse, 0},
		"an invalid status":                  {200, `{"status":"maybe"}`, nil, 0, errResponse, 0},
		"an empty response":                  {200, ``, nil, 0, errResponse, 0},
		"a response in chunks":               {200, `{"status":"success","m":"` + strings.Repeat("x", 5000) + `"}`, []string{"Transfer-Encoding", "chunked"}, event.Stored, nil, 0},
		"a response that is too long":        {200, `{"status":"success","m":"` + strings.Repeat("x", 100_000) + `"}`, nil, 0, store.ErrUnavailable, 0},
		"an internal server error":           {500, `{"type":"about:blank","detail":"its log says more"}`, nil, 0, new(ResponseError), 0},
		"a redirect":                         {307, ``, []string{"Location", "http://127.0.0.1:1/"}, 0, new(ResponseError), 0},
		"queued":                             {202, `{"status":"queued"}`, nil, event.Queued, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				for i := 0; i < len(row.headers); i += 2 {
					w.Header().Set(row.headers[i], row.headers[i+1])
				}
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, row.body)
			})
			outcomes, err := c.Append(t.Context(), []event.Event{someEvent("e")})
			if row.err == nil {
				if err != nil || len(outcomes) != 1 || outcomes[0] != row.want {
					t.Errorf("got %v, %v", outcomes, err)
				}
				return
			}
			if _, ok := errors.AsType[*ResponseError](row.err); ok {
				if got, ok := errors.AsType[*ResponseError](err); !ok || got.Status != row.status || store.Temporary(err) {
					t.Errorf("got %v", err)
				}
			} else if !errors.Is(err, row.err) {
				t.Errorf("got %v, want %v", err, row.err)
			}
			if got := store.RetryAfter(err, 0); got != row.after || outcomes != nil {
				t.Errorf("wait %v, outcomes %v", got, outcomes)
			}
		})
	}
}

func TestClient_AppendNeverRetries(t *testing.T) {
	t.Parallel()
	var count atomic.Int64
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if count.Add(1) == 1 {
			_, _ = io.WriteString(w, `{"status":"success"}`)
			return
		}
		_, _ = io.ReadAll(r.Body)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_ = conn.Close() // the event may be stored
	})
	for i := range 3 {
		_, err := c.Append(t.Context(), []event.Event{someEvent("a")})
		if i > 0 && (!errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotReached)) {
			t.Errorf("attempt %d: %v", i, err)
		}
	}
	if count.Load() != 3 {
		t.Errorf("%d requests for 3 appends", count.Load())
	}
}

func TestClient_AppendReportsRejections(t *testing.T) {
	t.Parallel()
	const fault = `"errors":[{"field":"topic","message":"is odd"}]`
	for name, row := range map[string]struct {
		lines  bool
		events []event.Event
		status int
		body   string
		want   []string
	}{
		"alone": {false, []event.Event{someEvent("a")}, 422, `{"detail":"odd",` + fault + `}`, []string{"0: server responded 422 Unprocessable Entity: odd [topic is odd]"}},
		"in a batch": {
			false, []event.Event{someEvent("a"), someEvent("b")}, 207,
			`{"results":[{"status":"success"},{"status":"invalid",` + fault + `}]}`, []string{"1: invalid event: topic is odd"},
		},
		"as a line": {
			true, []event.Event{someEvent("a"), someEvent("b")}, 207,
			`{"success":1,"invalid":1,"results":[{"line":2,"status":"invalid",` + fault + `}]}`, []string{"1: invalid event: topic is odd"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := serve(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, row.body)
			}, func(o *Options) { o.Lines = row.lines })
			var reported []string
			ctx := store.WithRejections(t.Context(), func(index int, reason error) {
				reported = append(reported, fmt.Sprintf("%d: %v", index, reason))
			})
			if got, err := c.Append(ctx, row.events); err != nil || got[len(got)-1] != event.Rejected {
				t.Errorf("got %v, %v", got, err)
			}
			if !slices.Equal(reported, row.want) {
				t.Errorf("reported %q", reported)
			}
		})
	}
}

func TestClient_ReportsStatusOfResponses(t *testing.T) {
	t.Parallel()
	var statuses []int
	status := 503
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }))
	c, err := New(Options{URL: server.URL, OnResponse: func(status int) { statuses = append(statuses, status) }})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, status = range []int{503, 413} {
		_, _ = c.Append(t.Context(), []event.Event{{Topic: "t"}})
	}
	server.Close()
	_, _ = c.Append(t.Context(), []event.Event{{Topic: "t"}})
	if !slices.Equal(statuses, []int{503, 413, 0}) {
		t.Errorf("statuses %v", statuses)
	}
}
