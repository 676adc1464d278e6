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

// addSoon adds events in a second: by then a follower has begun.
func (f *feed) addSoon(n int) { time.AfterFunc(time.Second, func() { f.add(n) }) }

// stream answers GET /events/stream as the server does.
func (f *feed) stream(r *http.Request) *http.Response {
	answer := httptest.NewRecorder()
	if !f.streams {
		answer.WriteHeader(http.StatusNotFound)
		return answer.Result()
	}
	_, number, _ := strings.Cut(r.Header.Get("Last-Event-ID"), "-")
	at, err := strconv.Atoi(number)
	if err != nil {
		answer.WriteHeader(http.StatusUnprocessableEntity)
		return answer.Result()
	}
	answer.Header().Set("Content-Type", api.TypeStream+"; charset=utf-8")
	body := &feedStream{feed: f, ctx: r.Context(), at: at, left: -1}
	body.text.WriteString("retry: 1000\n\n")
	if f.cut != nil {
		if n := f.cut(f.asked); n > 0 {
			body.left = n
		}
	}
	response := answer.Result()
	response.Body = body
	return response
}

// feedStream is the body of such an answer.
type feedStream struct {
	feed *feed
	ctx  context.Context
	at   int
	left int // bytes until it breaks off, below 0: never
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

// more writes the next event, or returns what says that there is one.
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

// Close does nothing: what it reads from is in memory.
func (s *feedStream) Close() error { return nil }

func TestStreamBringsEventsAtOnce(t *testing.T) {
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
		if took := time.Since(begin); !errors.Is(err, errEnough) || took != 40*time.Second || f.asked != 2 {
			t.Errorf("%v after %v and %d requests: got %v", err, took, f.asked, got)
		}
	})
}

// TestAStreamThatEndsIsOpenedAgain is silent to the user: every stream ends
// some day. It waits as long as the server has asked for with retry.
func TestAStreamThatEndsIsOpenedAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := &feed{streams: true, cut: func(request int) int { return 100 * (3 - request) }}
		c := f.follower(func(o *Options) { o.OnConnection = func(err error) { t.Errorf("the user hears %v", err) } })
		f.addSoon(10)
		begin := time.Now()
		var got []int
		err := c.Follow(t.Context(), store.Filter{}, 0, time.Second, until(10, &got))
		if took := time.Since(begin); !errors.Is(err, errEnough) || !slices.Equal(got, span(1, 10)) || took != 2075*time.Millisecond {
			t.Errorf("%v after %v: got %v", err, took, got)
		}
	})
}

// mute is a transport whose streams, up to a number, have a first message and
// then no byte more, like a connection whose other end has lost its power.
type mute struct {
	*feed

	mu      sync.Mutex
	streams int
	deaf    bool // not even a head comes
}

func (m *mute) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Path == api.PathStream {
		m.mu.Lock()
		m.streams++
		number := m.streams
		m.mu.Unlock()
		switch {
		case number <= 2 && m.deaf:
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

// silence ends with its request only.
type silence struct{ ctx context.Context }

func (s silence) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

func TestAConnectionWithoutALifeSignIsDead(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		deaf  bool
		each  time.Duration
		heard []string
	}{
		"after 45 seconds within the stream":       {false, maxSilence, nil},
		"after a request's time before its answer": {true, 30 * time.Second, []string{"no response from http://feed: timed out", "<nil>"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				f := &feed{stored: 0, streams: true}
				var heard []string
				c := f.follower(func(o *Options) { o.OnConnection = func(err error) { heard = append(heard, fmt.Sprint(err)) } })
				c.streams.Transport = &mute{feed: f, deaf: row.deaf}
				f.addSoon(1)
				begin := time.Now()
				var got []int
				err := c.Follow(t.Context(), store.Filter{}, 0, time.Second, until(1, &got))
				if took := time.Since(begin); !errors.Is(err, errEnough) || took < 2*row.each || took > 2*row.each+time.Second {
					t.Errorf("%v after %v", err, took)
				}
				if diff := gocmp.Diff(row.heard, heard); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

// TestASlowReaderIsNoDeadConnection takes longer over an event than a
// connection may be silent.
func TestASlowReaderIsNoDeadConnection(t *testing.T) {
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
		if !errors.Is(err, errEnough) || f.asked != 2 {
			t.Errorf("%v after %d requests", err, f.asked)
		}
	})
}

// answeringStream serves a page to follow from and then the streams, one after
// the other.
func answeringStream(t *testing.T, streams ...http.HandlerFunc) (c *Client, headers *[]http.Header) {
	t.Helper()
	headers = new([]http.Header)
	return serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != api.PathStream {
			w.Header().Set("Link", `</events?cursor=start>; rel="prev"`)
			_, _ = io.WriteString(w, "[]")
			return
		}
		*headers = append(*headers, r.Header)
		streams[min(len(*headers), len(streams))-1](w, r)
	}, func(o *Options) { o.Timeout = 300 * time.Millisecond }), headers
}

// saying is a stream with that text.
func saying(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", api.TypeStream)
		_, _ = io.WriteString(w, text)
	}
}

// problem refuses with a problem of a type.
func problem(status int, kind string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(api.Problem{Type: kind, Status: status})
	}
}

func TestStreamEnds(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		stream http.HandlerFunc
		want   error
	}{
		"when the data is no longer that of the cursor":          {problem(409, api.ProblemCursor), store.ErrForeignPosition},
		"when it isn't, as earlier versions say it":              {problem(422, api.ProblemCursor), store.ErrForeignPosition},
		"when the server refuses the query":                      {problem(422, api.ProblemBlank), new(ResponseError)},
		"when something else answers":                            {func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, errResponse},
		"when there is nothing any more (204)":                   {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }, new(ResponseError)},
		"when an event has no id to go on from":                  {saying("event: event\ndata: {}\n\n"), errResponse},
		"when an id can't be sent back":                          {saying("id: a\x01\nevent: event\ndata: {}\n\n"), errResponse},
		"when an event is no JSON":                               {saying("id: 1\nevent: event\ndata: {\n\n"), errJSON},
		"when a line is longer than any event":                   {saying("data: " + strings.Repeat("x", maxMessageBytes+1)), errResponse},
		"with the caller's error, even if waiting might help it": {saying("id: 1\nevent: event\ndata: {\"topic\":\"t\"}\n\n"), store.ErrOverloaded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, headers := answeringStream(t, row.stream)
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
func TestStreamOverTheNetwork(t *testing.T) {
	t.Parallel()
	event := func(id int) string {
		return fmt.Sprintf("id: c%d\nevent: event\ndata: {\"topic\":\"t\",\"event_id\":\"%d\",\"payload\":{}}\n\n", id, id)
	}
	c, headers := answeringStream(t,
		saying(event(1)+"event: other\nid: c2\ndata: x\n\n"+event(3)+"id: c9\nevent: event\ndata: {\"topic\""),
		func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Retry-After", "0")
			problem(503, api.ProblemUnavailable)(w, r)
		},
		func(w http.ResponseWriter, r *http.Request) {
			saying(": hello\n\n")(w, r)
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
