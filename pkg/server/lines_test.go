package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestPublishLines(t *testing.T) {
	t.Parallel()
	const fault = `"status":"invalid","errors":[{"field":"timestamp","message":"is required"}]}`
	for name, row := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"lines": {
			eventWith("a") + "\n" + eventWith("b") + "\n" + eventWith("a"), 200,
			`{"received":3,"success":2,"ignored":1,"invalid":0,"results":[]}`,
		},
		"blank ones are skipped and counted": {
			"\n" + eventWith("a") + "\n \n" + badEvent + "\n\n", 207,
			`{"received":1,"success":1,"ignored":0,"invalid":1,"results":[{"line":4,` + fault + `]}`,
		},
		"none is valid": {badEvent, 422, `{"received":0,"success":0,"ignored":0,"invalid":1,"results":[{"line":1,` + fault + `]}`},
		"nothing":       {"", 200, `{"received":0,"success":0,"ignored":0,"invalid":0,"results":[]}`},
		"broken JSON is that line's fault": {
			eventWith("a") + "\n{\"topic\n" + eventWith("b"), 207,
			`{"received":2,"success":2,"ignored":0,"invalid":1,"results":[{"line":2,"status":"invalid","errors":[{"field":"body","message":"is not valid JSON: it ends too early"}]}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := ask(serverWith(&memory{}), "POST", "/publish", row.body, "Content-Type", api.TypeLines)
			if answer.Code != row.status || answer.Body.String() != row.want+"\n" {
				t.Errorf("got %d %s\nwant %d %s", answer.Code, answer.Body, row.status, row.want)
			}
		})
	}
}

func TestPublishLinesNamesAHundredFaults(t *testing.T) {
	t.Parallel()
	answer := ask(serverWith(&memory{}), "POST", "/publish", eventWith("a")+"\n"+strings.Repeat(badEvent+"\n", 150), "Content-Type", api.TypeLines)
	var got api.Batch
	if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Invalid != 150 || len(got.Results) != 100 || !got.ErrorsTruncated || *got.Results[99].Line != 101 || got.Results[99].Status != "invalid" {
		t.Errorf("%d invalid, %d named, truncated %t", got.Invalid, len(got.Results), got.ErrorsTruncated)
	}
}

// many is n lines with as many events.
func many(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(eventWith(fmt.Sprint("e", i)) + "\n")
	}
	return text.String()
}

func TestPublishLinesOfAnyNumber(t *testing.T) {
	t.Parallel()
	const n = 25_000
	m := &counter{}
	s := New(Options{Appender: m, Store: &memory{}, MaxBatchEvents: 10, MaxBodyBytes: 100_000})
	answer := ask(s, "POST", "/publish", many(n), "Content-Type", api.TypeLines)
	if answer.Code != 200 || !strings.HasPrefix(answer.Body.String(), fmt.Sprintf(`{"received":%d,`, n)) {
		t.Fatalf("got %d %s", answer.Code, answer.Body)
	}
	if m.largest.Load() > chunkLines || m.events.Load() != n || m.atOnce.Load() != 0 || s.budget.used != 0 {
		t.Errorf("%d events in appends of up to %d; %d bytes stay on the budget", m.events.Load(), m.largest.Load(), s.budget.used)
	}
}

// counter is an appender that stores nothing. From the event failAt on it
// fails.
type counter struct {
	failAt  int64
	events  atomic.Int64
	largest atomic.Int64
	atOnce  atomic.Int64
}

func (c *counter) Append(_ context.Context, events []event.Event) ([]event.Outcome, error) {
	if n := c.atOnce.Add(1); n > chunksAhead {
		return nil, fmt.Errorf("%d appends at once", n)
	}
	defer c.atOnce.Add(-1)
	c.largest.Store(max(c.largest.Load(), int64(len(events))))
	if c.failAt > 0 && c.events.Add(int64(len(events))) > c.failAt {
		return nil, fmt.Errorf("the store went away: %w", store.ErrUnavailable)
	} else if c.failAt == 0 {
		c.events.Add(int64(len(events)))
	}
	outcomes := make([]event.Outcome, len(events))
	for i := range outcomes {
		outcomes[i] = event.Stored
	}
	return outcomes, nil
}

func TestPublishLinesThatFailMidwaySayWhatIsCommitted(t *testing.T) {
	t.Parallel()
	s := New(Options{Appender: &counter{failAt: 5000}, Store: &memory{}})
	answer := ask(s, "POST", "/publish", badEvent+"\n"+many(9000), "Content-Type", api.TypeLines)
	var problem api.Problem
	if err := json.Unmarshal(answer.Body.Bytes(), &problem); err != nil {
		t.Fatal(err)
	}
	if answer.Code != 503 || answer.Header().Get("Retry-After") == "" || problem.CommittedLines == nil {
		t.Fatalf("got %d %s", answer.Code, answer.Body)
	}
	// Every append holds a thousand lines at most, and none beyond the first
	// that failed is counted.
	if n := *problem.CommittedLines; n > 5001 || s.budget.used != 0 {
		t.Errorf("%d lines are said to be committed, %d bytes stay on the budget", n, s.budget.used)
	}
	if !strings.Contains(problem.Detail, "lines are committed") {
		t.Errorf("the detail is %q", problem.Detail)
	}
}

func TestPublishLinesWithoutEventsEndAtTheLimit(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]io.Reader{
		"blank lines":             zeros(1 << 30),
		"a line without end":      io.MultiReader(strings.NewReader(eventWith("a")+"\n{"), repeat('x')),
		"lines that are no event": repeat('\n'),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serverWith(&memory{}, func(o *Options) { o.MaxBodyBytes = 1 << 20 })
			request := httptest.NewRequest(http.MethodPost, "/publish", body)
			request.Header.Set("Content-Type", api.TypeLines)
			answer := httptest.NewRecorder()
			s.Handler().ServeHTTP(answer, request)
			if answer.Code != http.StatusRequestEntityTooLarge {
				t.Errorf("got %d %s", answer.Code, answer.Body)
			}
		})
	}
}

// TestPublishLinesAsTheyCome: a stream may last longer than the server's
// time-outs as long as lines come, and what has come is stored meanwhile.
func TestPublishLinesAsTheyCome(t *testing.T) {
	t.Parallel()
	m := &memory{}
	s := serverWith(m, func(o *Options) { o.ReadTimeout, o.WriteTimeout = 400*time.Millisecond, 400*time.Millisecond })
	reader, writer := io.Pipe()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+listen(t, s)+"/publish", reader)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Content-Type", api.TypeLines)
	go func() {
		defer func() { _ = writer.Close() }()
		pace := time.NewTicker(100 * time.Millisecond)
		defer pace.Stop()
		for i := range 10 {
			_, _ = io.WriteString(writer, eventWith(fmt.Sprint(i))+"\n")
			<-pace.C
			if i == 5 {
				if stats, _ := m.Stats(t.Context()); stats.Unique < 4 {
					t.Errorf("only %d of 6 lines are stored while the stream goes on", stats.Unique)
				}
			}
		}
	}()
	response, err := newHTTP(t).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	var got api.Batch
	if err := json.NewDecoder(response.Body).Decode(&got); err != nil || got.Success != 10 || response.StatusCode != http.StatusOK {
		t.Errorf("got %d %+v, %v", response.StatusCode, got, err)
	}
}
