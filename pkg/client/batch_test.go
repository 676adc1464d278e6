package client

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestClient_AppendSendsOneEventAsObject(t *testing.T) {
	t.Parallel()
	var body string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		body = fmt.Sprintf("%s %s %s %s %s", r.Method, r.URL, r.Header.Get("Content-Type"), r.UserAgent(), text)
		_, _ = io.WriteString(w, `{"status":"ignored","message":""}`)
	}, func(o *Options) { o.UserAgent = "test/1"; o.URL += "/prefix/" })
	got, err := c.Append(t.Context(), []event.Event{someEvent("a")})
	if err != nil || !cmp.Equal(got, []event.Outcome{event.Duplicate}) {
		t.Errorf("got %v, %v", got, err)
	}
	const want = `POST /prefix/publish application/json test/1 {"topic":"t","event_id":"a","timestamp":"2025-12-19T12:00:00Z","source":"s","payload":{"k":1.50}}`
	if body != want {
		t.Errorf("sent %s", body)
	}
	if got, err := c.Append(t.Context(), nil); err != nil || len(got) != 0 {
		t.Errorf("no events: %v, %v", got, err)
	}
}

// batchResponse is the response to that many events.
func batchResponse(statuses ...string) string {
	results := make([]string, len(statuses))
	for i, status := range statuses {
		results[i] = `{"status":"` + status + `"}`
	}
	return `{"received":0,"success":0,"ignored":0,"invalid":0,"results":[` + strings.Join(results, ",") + "]}\n"
}

func TestClient_AppendSendsSeveralEventsAsArray(t *testing.T) {
	t.Parallel()
	three := []event.Event{someEvent("a"), someEvent("b"), someEvent("c")}
	outcomes := []event.Outcome{event.Stored, event.Duplicate, event.Rejected}
	for name, row := range map[string]struct {
		status int
		body   string
		want   []event.Outcome
		err    error
	}{
		"all stored":                        {200, batchResponse("success", "success", "success"), []event.Outcome{event.Stored, event.Stored, event.Stored}, nil},
		"one of each":                       {207, batchResponse("success", "ignored", "invalid"), outcomes, nil},
		"written in another way":            {207, `{ "results": [ {"status" :"success"}, {"status":"ignored","x":1}, {"errors":[],"status":"invalid"} ] }`, outcomes, nil},
		"none valid":                        {422, batchResponse("invalid", "invalid", "invalid"), []event.Outcome{event.Rejected, event.Rejected, event.Rejected}, nil},
		"too few results":                   {200, batchResponse("success", "success"), nil, errResponse},
		"too many results":                  {200, batchResponse("success", "success", "success", "success"), nil, errResponse},
		"an unknown status":                 {200, batchResponse("success", "success", "sure"), nil, errResponse},
		"an incomplete response":            {200, batchResponse("success", "success", "success")[:100], nil, errResponse},
		"an unavailable store":              {503, `{}`, nil, store.ErrUnavailable},
		"a body that is refused as a whole": {422, `{"type":"about:blank","title":"Invalid event","status":422}`, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var count atomic.Int64
			c := serve(t, func(w http.ResponseWriter, r *http.Request) {
				count.Add(1)
				var sent []struct {
					ID string `json:"event_id"`
				}
				if err := json.NewDecoder(r.Body).Decode(&sent); err != nil || len(sent) != 3 || sent[2].ID != "c" {
					t.Errorf("sent %v, %v", sent, err)
				}
				w.WriteHeader(row.status)
				_, _ = io.WriteString(w, row.body)
			})
			got, err := c.Append(t.Context(), three)
			if !cmp.Equal(got, row.want) || (row.want == nil) != (err != nil) || row.err != nil && !errors.Is(err, row.err) {
				t.Errorf("got %v, %v", got, err)
			}
			if count.Load() != 1 {
				t.Errorf("%d requests", count.Load())
			}
		})
	}
}

// Only an event that is too large by itself is rejected.
func TestClient_AppendHalvesBatchThatIsTooLarge(t *testing.T) {
	t.Parallel()
	var sizes []int
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		n := strings.Count(string(text), `"topic"`)
		sizes = append(sizes, n)
		switch {
		case n > 2 || strings.Contains(string(text), "huge"):
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		case n == 2:
			_, _ = io.WriteString(w, batchResponse("success", "ignored"))
		default:
			_, _ = io.WriteString(w, `{"status":"success","message":""}`)
		}
	})
	got, err := c.Append(t.Context(), []event.Event{someEvent("a"), someEvent("b"), someEvent("c"), someEvent("huge"), someEvent("d")})
	want := []event.Outcome{event.Stored, event.Duplicate, event.Stored, event.Rejected, event.Stored}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %v, %v after requests of %v", got, err, sizes)
	}
}

func TestClient_AppendSendsLines(t *testing.T) {
	t.Parallel()
	for _, compressed := range []bool{false, true} {
		c := serve(t, func(w http.ResponseWriter, r *http.Request) {
			body := io.Reader(r.Body)
			if compressed {
				reader, err := gzip.NewReader(r.Body)
				if err != nil || r.Header.Get("Content-Encoding") != "gzip" {
					t.Errorf("not gzip: %v", err)
					return
				}
				body = reader
			}
			text, err := io.ReadAll(body)
			if err != nil || strings.Count(string(text), "\n") != 4 || r.Header.Get("Content-Type") != "application/x-ndjson" {
				t.Errorf("sent %q as %q, %v", text, r.Header.Get("Content-Type"), err)
			}
			w.WriteHeader(http.StatusMultiStatus)
			_, _ = io.WriteString(w, `{"received":3,"success":1,"ignored":2,"invalid":1,"results":[{"line":2,"status":"invalid","errors":[]}]}`)
		}, func(o *Options) { o.Lines, o.Gzip = true, compressed })
		got, err := c.Append(t.Context(), []event.Event{someEvent("a"), someEvent("b"), someEvent("c"), someEvent("d")})
		if want := []event.Outcome{event.Stored, event.Rejected, event.Duplicate, event.Duplicate}; err != nil || !cmp.Equal(got, want) {
			t.Errorf("got %v, %v", got, err)
		}
	}
}

func TestClient_AppendSplitsLargeBatch(t *testing.T) {
	t.Parallel()
	var sizes []int
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body)
		n := strings.Count(string(text), `"topic"`)
		sizes = append(sizes, n)
		if len(sizes) == 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		_, _ = io.WriteString(w, batchResponse(slices.Repeat([]string{"success"}, n)...))
	})
	events := make([]event.Event, 25_000)
	for i := range events {
		events[i] = someEvent(fmt.Sprint(i))
	}
	got, err := c.Append(t.Context(), events)
	if got != nil || !errors.Is(err, store.ErrUnavailable) || !cmp.Equal(sizes, []int{10_000, 10_000, 5_000}) {
		t.Errorf("got %d outcomes, %v after requests of %v", len(got), err, sizes)
	}
}
