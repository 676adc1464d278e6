package server

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
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

func TestPublishLines_Responses(t *testing.T) {
	t.Parallel()
	const isRequired = `"status":"invalid","errors":[{"field":"timestamp","message":"is required"}]}`
	for name, row := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"lines": {
			eventWith("a") + "\n" + eventWith("b") + "\n" + eventWith("a"), 200,
			`{"received":3,"success":2,"ignored":1,"invalid":0,"results":[]}`,
		},
		"blank lines are skipped and counted": {
			"\n" + eventWith("a") + "\n \n" + badEvent + "\n\n", 207,
			`{"received":1,"success":1,"ignored":0,"invalid":1,"results":[{"line":4,` + isRequired + `]}`,
		},
		"no valid line": {badEvent, 422, `{"received":0,"success":0,"ignored":0,"invalid":1,"results":[{"line":1,` + isRequired + `]}`},
		"nothing":       {"", 200, `{"received":0,"success":0,"ignored":0,"invalid":0,"results":[]}`},
		"invalid JSON affects one line": {
			eventWith("a") + "\n{\"topic\n" + eventWith("b"), 207,
			`{"received":2,"success":2,"ignored":0,"invalid":1,"results":[{"line":2,"status":"invalid","errors":[{"field":"body","message":"is not valid JSON: it ends too early"}]}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response := send(serverWith(&memory{}), "POST", "/publish", row.body, "Content-Type", api.TypeLines)
			if response.Code != row.status || response.Body.String() != row.want+"\n" {
				t.Errorf("got %d %s\nwant %d %s", response.Code, response.Body, row.status, row.want)
			}
		})
	}
}

func TestPublishLines_ListsFirstHundredErrors(t *testing.T) {
	t.Parallel()
	response := send(serverWith(&memory{}), "POST", "/publish", eventWith("a")+"\n"+strings.Repeat(badEvent+"\n", 150), "Content-Type", api.TypeLines)
	var got api.Batch
	if err := json.Unmarshal(response.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Invalid != 150 || len(got.Results) != 100 || !got.ErrorsTruncated || *got.Results[99].Line != 101 || got.Results[99].Status != "invalid" {
		t.Errorf("%d invalid, %d listed, truncated %t", got.Invalid, len(got.Results), got.ErrorsTruncated)
	}
}

// many returns n lines with an event each.
func many(n int) string {
	var text strings.Builder
	for i := range n {
		text.WriteString(eventWith(fmt.Sprint("e", i)) + "\n")
	}
	return text.String()
}

func TestPublishLines_NumberIsUnlimited(t *testing.T) {
	t.Parallel()
	const n = 25_000
	m := &countingAppender{}
	s := serverWith(&memory{}, func(o *Options) { o.Appender, o.MaxBatchEvents, o.MaxBodyBytes = m, 10, 100_000 })
	response := send(s, "POST", "/publish", many(n), "Content-Type", api.TypeLines)
	if response.Code != 200 || !strings.HasPrefix(response.Body.String(), fmt.Sprintf(`{"received":%d,`, n)) {
		t.Fatalf("got %d %s", response.Code, response.Body)
	}
	if m.largest.Load() > 5000 || m.events.Load() != n || s.publish.BufferedBytes() != 0 {
		t.Errorf("%d events in appends of up to %d; %d bytes stay on the budget", m.events.Load(), m.largest.Load(), s.publish.BufferedBytes())
	}
}

// countingAppender counts events and stores nothing. It fails after failAt events
// if failAt is not 0.
type countingAppender struct {
	failAt  int64
	events  atomic.Int64
	largest atomic.Int64
	atOnce  atomic.Int64
	stored  atomic.Int64
}

func (c *countingAppender) Append(_ context.Context, events []event.Event) ([]event.Outcome, error) {
	if n := c.atOnce.Add(1); n > 2 {
		return nil, fmt.Errorf("%d appends at once", n)
	}
	defer c.atOnce.Add(-1)
	c.largest.Store(max(c.largest.Load(), int64(len(events))))
	if c.failAt > 0 && c.events.Add(int64(len(events))) > c.failAt {
		return nil, fmt.Errorf("append: %w", store.ErrUnavailable)
	} else if c.failAt == 0 {
		c.events.Add(int64(len(events)))
	}
	outcomes := make([]event.Outcome, len(events))
	for i := range outcomes {
		outcomes[i] = event.Stored
	}
	c.stored.Add(int64(len(events)))
	return outcomes, nil
}

func TestPublishLines_FailureReportsCommittedLines(t *testing.T) {
	t.Parallel()
	c := &countingAppender{failAt: 5000}
	s := serverWith(&memory{}, func(o *Options) { o.Appender = c })
	response := send(s, "POST", "/publish", badEvent+"\n"+many(30_000), "Content-Type", api.TypeLines)
	var problem api.Problem
	if err := json.Unmarshal(response.Body.Bytes(), &problem); err != nil {
		t.Fatal(err)
	}
	if response.Code != 503 || response.Header().Get("Retry-After") == "" || problem.CommittedLines == nil {
		t.Fatalf("got %d %s", response.Code, response.Body)
	}
	// The other lane of the failed chunk may be stored.
	if n := *problem.CommittedLines; n > c.stored.Load()+1 || n < c.stored.Load()-5000 || n < 2 || s.publish.BufferedBytes() != 0 {
		t.Errorf("%d lines are reported as committed, %d events are stored; %d bytes stay on the budget", n, c.stored.Load(), s.publish.BufferedBytes())
	}
	if !strings.HasPrefix(problem.Detail, "Store unavailable. The lines up to") {
		t.Errorf("the detail is %q", problem.Detail)
	}
}

func TestPublishLines_IdleBytesAreLimited(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]io.Reader{
		"blank lines":         spaces(1 << 30),
		"an endless line":     io.MultiReader(strings.NewReader(eventWith("a")+"\n{"), repeat('x')),
		"endless line breaks": repeat('\n'),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serverWith(&memory{}, func(o *Options) { o.MaxBodyBytes = 1 << 20 })
			request := httptest.NewRequest(http.MethodPost, "/publish", body)
			request.Header.Set("Content-Type", api.TypeLines)
			response := httptest.NewRecorder()
			contract.Handler(s.Handler()).ServeHTTP(response, request)
			if response.Code != http.StatusRequestEntityTooLarge {
				t.Errorf("got %d %s", response.Code, response.Body)
			}
		})
	}
}

// TestPublishLines_StreamOutlivesTimeouts sends lines for longer than the timeouts of
// the server. Lines are stored while the stream goes on.
func TestPublishLines_StreamOutlivesTimeouts(t *testing.T) {
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
				if stats, _ := m.Stats(t.Context()); stats.Stored < 4 {
					t.Errorf("only %d of 6 lines are stored while the stream goes on", stats.Stored)
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

// chunked writes each part as a chunk of a request body.
type chunked struct{ io.Writer }

func (c chunked) Write(p []byte) (int, error) {
	if _, err := fmt.Fprintf(c.Writer, "%x\r\n%s\r\n", len(p), p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// postStream sends the lines that write writes to s, and returns the response.
func postStream(t *testing.T, s *Server, write func(io.Writer)) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", listen(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "POST /publish HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	go write(chunked{conn})
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

// TestPublishLines_StoresLinesBeforeReadTimeout sends the second line during the
// COMMIT of the first, and then nothing more.
func TestPublishLines_StoresLinesBeforeReadTimeout(t *testing.T) {
	t.Parallel()
	m := &memory{hold: make(chan struct{})}
	s := serverWith(m, func(o *Options) { o.ReadTimeout = 300 * time.Millisecond })
	status, body := postStream(t, s, func(w io.Writer) {
		_, _ = io.WriteString(w, eventWith("a")+"\n")
		_, _ = io.WriteString(w, eventWith("b")+"\n")
		close(m.hold)
	})
	if stats, _ := m.Stats(t.Context()); status != http.StatusRequestTimeout || stats.Stored != 2 || !strings.Contains(body, `"committed_lines":2`) {
		t.Errorf("got %d %s, %d stored", status, body, stats.Stored)
	}
}

// TestPublishLines_ShutdownEndsEndlessStream checks that a stream which does not end
// by itself gets the number of its committed lines.
func TestPublishLines_ShutdownEndsEndlessStream(t *testing.T) {
	t.Parallel()
	m := &memory{}
	s := serverWith(m)
	ended := make(chan error, 1)
	status, body := postStream(t, s, func(w io.Writer) {
		_, _ = io.WriteString(w, eventWith("a")+"\n")
		pace := time.NewTicker(20 * time.Millisecond)
		defer pace.Stop()
		for stored := int64(0); stored == 0; { // until the request has arrived
			<-pace.C
			stats, _ := m.Stats(context.Background())
			stored = stats.Stored
		}
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			ended <- s.Shutdown(ctx)
		}()
		for i := range 1000 {
			<-pace.C
			if _, err := io.WriteString(w, eventWith(fmt.Sprint(i))+"\n"); err != nil {
				return
			}
		}
	})
	if stats, _ := m.Stats(t.Context()); status != http.StatusServiceUnavailable || !strings.Contains(body, fmt.Sprintf(`"committed_lines":%d}`, stats.Stored)) {
		t.Errorf("got %d %s, %d stored", status, body, stats.Stored)
	}
	if err := <-ended; err != nil {
		t.Errorf("shutdown: %v", err)
	}
}

// overloadedStore is overloaded for the first calls.
type overloadedStore struct {
	memory

	overloads atomic.Int64
}

func (f *overloadedStore) Append(ctx context.Context, events []event.Event) ([]event.Outcome, error) {
	if f.overloads.Add(-1) >= 0 {
		return nil, store.ErrOverloaded
	}
	return f.memory.Append(ctx, events)
}

func TestPublishLines_RetriesWhileOverloaded(t *testing.T) {
	t.Parallel()
	f := &overloadedStore{}
	f.overloads.Store(3)
	s := serverWith(&f.memory, func(o *Options) { o.Appender, o.MaxBufferedBytes = f, 100 }) // less than a stream takes
	response := send(s, "POST", "/publish", many(100), "Content-Type", api.TypeLines)
	if response.Code != 200 || !strings.HasPrefix(response.Body.String(), `{"received":100,"success":100,`) {
		t.Errorf("got %d %s", response.Code, response.Body)
	}
}

// TestPublishLines_FirstLineOfAKeyWins sends many lines of one key.
func TestPublishLines_FirstLineOfAKeyWins(t *testing.T) {
	t.Parallel()
	m := &memory{}
	text := goodEvent + "\n" + strings.Repeat(strings.Replace(goodEvent, "1.50", "2", 1)+"\n", 20_000)
	response := send(serverWith(m), "POST", "/publish", text, "Content-Type", api.TypeLines)
	if response.Code != 200 || len(m.records) != 1 || m.records[0].Payload != `{"k":1.50}` {
		t.Errorf("got %d %s, stored %+v", response.Code, response.Body, m.records)
	}
}

// TestPublishLines_ErrorsOfInvalidLinesAreBounded checks that the response is not
// many times longer than the request.
func TestPublishLines_ErrorsOfInvalidLinesAreBounded(t *testing.T) {
	t.Parallel()
	line := "{" + strings.TrimSuffix(strings.Repeat(`"topic":1,`, 50_000), ",") + "}\n"
	response := send(serverWith(&memory{}), "POST", "/publish", strings.Repeat(line+eventWith("a")+"\n", 20), "Content-Type", api.TypeLines)
	if response.Code != 207 || response.Body.Len() > 20*1000 {
		t.Errorf("got %d and %d bytes", response.Code, response.Body.Len())
	}
}

func TestPublishLines_InvalidLinesDoNotEndTheStream(t *testing.T) {
	t.Parallel()
	m := &memory{}
	s := serverWith(m, func(o *Options) { o.MaxBodyBytes = 100_000 })
	response := send(s, "POST", "/publish", strings.Repeat(badEvent+"\n", 5000)+goodEvent, "Content-Type", api.TypeLines)
	if response.Code != 207 || m.counts.Stored != 1 {
		t.Errorf("got %d %s", response.Code, response.Body)
	}
}
