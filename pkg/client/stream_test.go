package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

// addSoon adds events after a second, when a follower has started.
func (f *feed) addSoon(n int) { time.AfterFunc(time.Second, func() { f.add(n) }) }

// stream responds to GET /events/stream like the server.
func (f *feed) stream(r *http.Request) *http.Response {
	recorder := httptest.NewRecorder()
	if !f.streams {
		recorder.WriteHeader(http.StatusNotFound)
		return recorder.Result()
	}
	_, number, _ := strings.Cut(r.Header.Get("Last-Event-ID"), "-")
	at, err := strconv.Atoi(number)
	if err != nil {
		recorder.WriteHeader(http.StatusUnprocessableEntity)
		return recorder.Result()
	}
	recorder.Header().Set("Content-Type", api.TypeStream+"; charset=utf-8")
	body := &feedStream{feed: f, ctx: r.Context(), at: at, left: -1}
	body.text.WriteString("retry: 1000\n\n")
	if f.cut != nil {
		if n := f.cut(f.requested); n > 0 {
			body.left = n
		}
	}
	response := recorder.Result()
	response.Body = body
	return response
}

// feedStream is the body of such an recorder.
type feedStream struct {
	feed *feed
	ctx  context.Context
	at   int
	left int // bytes until it ends; below 0 it never ends
	text bytes.Buffer
}

// Read waits until there is something to read.
func (s *feedStream) Read(p []byte) (int, error) {
	for s.text.Len() == 0 {
		changed := s.more()
		if changed == nil {
			continue
		}
		comment := time.NewTimer(15 * time.Second)
		select {
		case <-s.ctx.Done():
			return 0, s.ctx.Err()
		case <-changed:
		case <-comment.C:
			fmt.Fprintf(&s.text, ": still here\nid: newer-%d\n\n", s.at)
		}
		comment.Stop()
	}
	if s.left == 0 {
		return 0, io.EOF
	}
	if s.left > 0 {
		p = p[:min(len(p), s.left)]
	}
	n, err := s.text.Read(p)
	s.left -= n
	return n, err
}

// more writes the next event, or returns a channel that is closed when there is
// one.
func (s *feedStream) more() <-chan struct{} {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	if s.at < s.feed.stored {
		s.at++
		data, err := json.Marshal(s.feed.event(s.at))
		if err != nil {
			panic(err)
		}
		fmt.Fprintf(&s.text, "id: newer-%d\nevent: event\ndata: %s\n\n", s.at, data)
		return nil
	}
	if s.feed.changed == nil {
		s.feed.changed = make(chan struct{})
	}
	return s.feed.changed
}

// Close does nothing.
func (s *feedStream) Close() error { return nil }

func TestFollower_DeliversEventsAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &feed{streams: true}
		go func() {
			<-time.NewTimer(40 * time.Second).C
			f.add(5)
		}()
		begin := time.Now()
		var got []int
		err := f.follower().Follow(t.Context(), store.Filter{}, 0, time.Hour, until(5, &got))
		if took := time.Since(begin); !errors.Is(err, errEnough) || took != 40*time.Second || f.requested != 2 {
			t.Errorf("%v after %v and %d requests: got %v", err, took, f.requested, got)
		}
	})
}

// The wait is the one that the server requests with retry. OnConnection is not
// called.
func TestFollower_ReopensStreamThatEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &feed{streams: true, cut: func(request int) int { return 100 * (3 - request) }}
		c := f.follower(func(o *Options) { o.OnConnection = func(err error) { t.Errorf("reported %v", err) } })
		f.addSoon(10)
		begin := time.Now()
		var got []int
		err := c.Follow(t.Context(), store.Filter{}, 0, time.Second, until(10, &got))
		if took := time.Since(begin); !errors.Is(err, errEnough) || !slices.Equal(got, span(1, 10)) || took != 2075*time.Millisecond {
			t.Errorf("%v after %v: got %v", err, took, got)
		}
	})
}

// silentTransport is a transport whose first two streams have one message and then
// stay silent, like a connection to a host without power.
type silentTransport struct {
	*feed

	mu      sync.Mutex
	streams int
	noHead  bool // not even headers arrive
}

func (m *silentTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == api.PathStream {
		m.mu.Lock()
		m.streams++
		number := m.streams
		m.mu.Unlock()
		switch {
		case number <= 2 && m.noHead:
			<-r.Context().Done()
			return nil, r.Context().Err()
		case number <= 2:
			text := strings.NewReader("id: newer-0\n\n")
			body := io.MultiReader(text, silence{r.Context()})
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{"Content-Type": {api.TypeStream}}, Body: io.NopCloser(body)}, nil
		}
	}
	return m.feed.RoundTrip(r)
}

// silence ends with its request.
type silence struct{ ctx context.Context }

func (s silence) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func TestFollower_ReplacesSilentConnection(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		noHead   bool
		each     time.Duration
		reported []string
	}{
		"after 45 seconds within the stream":          {false, maxSilence, nil},
		"after the timeout of a request without head": {true, 30 * time.Second, []string{"no response from http://feed: timed out", "<nil>"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &feed{stored: 0, streams: true}
				var reported []string
				c := f.follower(func(o *Options) { o.OnConnection = func(err error) { reported = append(reported, fmt.Sprint(err)) } })
				c.streams.Transport = &silentTransport{feed: f, noHead: row.noHead}
				f.addSoon(1)
				begin := time.Now()
				var got []int
				err := c.Follow(t.Context(), store.Filter{}, 0, time.Second, until(1, &got))
				if took := time.Since(begin); !errors.Is(err, errEnough) || took < 2*row.each || took > 2*row.each+time.Second {
					t.Errorf("%v after %v", err, took)
				}
				if diff := gocmp.Diff(row.reported, reported); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// The callback takes longer than the maximum silence of a connection.
func TestFollower_SlowCallbackKeepsConnection(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &feed{streams: true}
		f.addSoon(3)
		seen := 0
		err := f.follower().Follow(t.Context(), store.Filter{}, 0, time.Second, func(store.Record) error {
			<-time.NewTimer(2 * maxSilence).C
			seen++
			if seen == 3 {
				return errEnough
			}
			return nil
		})
		if !errors.Is(err, errEnough) || f.requested != 2 {
			t.Errorf("%v after %d requests", err, f.requested)
		}
	})
}

// streamServer serves a page to follow from and then the streams in order.
func streamServer(t *testing.T, streams ...http.HandlerFunc) (c *Client, headers *[]http.Header) {
	t.Helper()
	headers = new([]http.Header)
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != api.PathStream {
			w.Header().Set("Link", `<?cursor=start>; rel="prev"`)
			_, _ = io.WriteString(w, "[]")
			return
		}
		*headers = append(*headers, r.Header)
		streams[min(len(*headers), len(streams))-1](w, r)
	}, func(o *Options) { o.Timeout = 300 * time.Millisecond }), headers
}

// streamOf returns a stream with that text.
func streamOf(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", api.TypeStream)
		_, _ = io.WriteString(w, text)
	}
}

// problem responds with a problem of a type.
func problem(status int, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(api.Problem{Type: kind, Status: status})
	}
}

func TestFollower_EndsWithError(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		stream http.HandlerFunc
		want   error
	}{
		"if the cursor belongs to other data":                {problem(409, api.ProblemCursor), store.ErrForeignPosition},
		"if it does, from an earlier version":                {problem(422, api.ProblemCursor), store.ErrForeignPosition},
		"if the server refuses the query":                    {problem(422, api.ProblemBlank), new(ResponseError)},
		"if another program responds":                        {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, errResponse},
		"if the stream is gone (204)":                        {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, new(ResponseError)},
		"if an event has no id":                              {streamOf("event: event\ndata: {}\n\n"), errResponse},
		"if an id is invalid in a header":                    {streamOf("id: a\x01\nevent: event\ndata: {}\n\n"), errResponse},
		"if an event is invalid JSON":                        {streamOf("id: 1\nevent: event\ndata: {\n\n"), errJSON},
		"if a line is too long":                              {streamOf("data: " + strings.Repeat("x", maxMessageBytes+1)), errResponse},
		"if the callback fails, even with a temporary error": {streamOf("id: 1\nevent: event\ndata: {\"topic\":\"t\"}\n\n"), store.ErrOverloaded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, headers := streamServer(t, row.stream)
			err := c.Follow(t.Context(), store.Filter{}, 0, time.Second, func(store.Record) error { return store.ErrOverloaded })
			var refused *ResponseError
			if errors.As(row.want, &refused) && errors.As(err, &refused) && !errors.Is(err, store.ErrForeignPosition) {
				return
			}
			if !errors.Is(err, row.want) || len(*headers) != 1 {
				t.Errorf("%v after %d streams", err, len(*headers))
			}
		})
	}
}

// The follower resumes with the id of the last complete message, waits for
// Retry-After, and skips unknown messages.
func TestFollower_ResumesOverTheNetwork(t *testing.T) {
	t.Parallel()
	event := func(id int) string {
		return fmt.Sprintf("id: c%d\nevent: event\ndata: {\"topic\":\"t\",\"event_id\":\"%d\",\"payload\":{}}\n\n", id, id)
	}
	c, headers := streamServer(t,
		streamOf(event(1)+"event: other\nid: c2\ndata: x\n\n"+event(3)+"id: c9\nevent: event\ndata: {\"topic\""),
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "0")
			problem(503, api.ProblemUnavailable)(w, r)
		},
		func(w http.ResponseWriter, r *http.Request) {
			streamOf(": hello\n\n")(w, r)
			for id := 4; id < 7; id++ {
				_ = http.NewResponseController(w).Flush()
				_, _ = io.WriteString(w, event(id))
			}
		},
	)
	var got []int
	if err := c.Follow(t.Context(), store.Filter{Topic: "t", Source: "s"}, 0, time.Hour, until(5, &got)); !errors.Is(err, errEnough) {
		t.Error(err)
	}
	if diff := gocmp.Diff([]int{1, 3, 4, 5, 6}, got); diff != "" {
		t.Error(diff)
	}
	var resumed []string
	for _, header := range *headers {
		resumed = append(resumed, header.Get("Last-Event-ID")+" "+header.Get("Accept"))
	}
	if diff := gocmp.Diff([]string{"start text/event-stream", "c3 text/event-stream", "c3 text/event-stream"}, resumed); diff != "" {
		t.Error(diff)
	}
}
