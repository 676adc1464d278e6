package client

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

// feed is a server of the events 1, 2, 3, … in memory. It is the transport of a
// client, so there is no network. A cursor is the number of an event.
type feed struct {
	mu        sync.Mutex
	stored    int
	requested int
	// payload is the payload of every event. A large one makes pages short.
	payload string
	// late maps the number of an event to the first request that shows it.
	late map[int]int
	// fail returns the result of a request by number, from 1: 0 for success, -1
	// for a lost connection, otherwise a status.
	fail func(request int) int
	// streams reports whether the server has GET /events/stream. cut returns
	// the number of bytes after which it ends, 0 for never.
	streams bool
	cut     func(request int) int
	changed chan struct{} // closed when something is added
}

func (f *feed) add(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stored += n
	if f.changed != nil {
		close(f.changed)
		f.changed = nil
	}
}

// RoundTrip responds to GET /events like the server.
func (f *feed) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.requested++
	recorder := httptest.NewRecorder()
	if f.fail != nil {
		switch status := f.fail(f.requested); status {
		case 0:
		case -1:
			return nil, errors.New("connection reset")
		default:
			recorder.Header().Set("Retry-After", "1")
			recorder.WriteHeader(status)
			return recorder.Result(), nil
		}
	}
	if r.URL.Path == api.PathStream {
		return f.stream(r), nil
	}
	query := r.URL.Query()
	limit, _ := strconv.Atoi(query.Get("limit"))
	kind, number, _ := strings.Cut(strings.Replace(query.Get("cursor"), api.Cursor{Newer: true}.String(), "newer-0", 1), "-")
	at, _ := strconv.Atoi(number)
	var page []api.Event
	last := at
	if kind == "newer" {
		var shown []int
		if shown, _ = f.page(at+1, 1, limit); len(shown) > 0 {
			last = shown[len(shown)-1]
		}
		slices.Reverse(shown)
		page = f.events(shown)
	} else {
		from := f.stored
		if kind == "older" {
			from = at - 1
		}
		shown, more := f.page(from, -1, limit)
		if more {
			recorder.Header().Add("Link", fmt.Sprintf(`<?cursor=older-%d>; rel="next"`, shown[len(shown)-1]))
		}
		page, last = f.events(shown), from
	}
	if kind == "newer" || query.Get("settled") == "true" {
		recorder.Header().Add("Link", fmt.Sprintf(`<?cursor=newer-%d>; rel="prev"`, last))
	}
	err := json.NewEncoder(recorder).Encode(page)
	return recorder.Result(), err
}

// page returns what a store returns from a number on, in steps of 1 or -1.
func (f *feed) page(from, step, limit int) (shown []int, more bool) {
	size := 0
	for i := from; i >= 1 && i <= f.stored; i += step {
		if f.late[i] > f.requested {
			continue
		}
		if len(shown) == limit || size >= store.PageBytes {
			return shown, true
		}
		shown = append(shown, i)
		size += f.event(i).Record().Size()
	}
	return shown, false
}

func (f *feed) event(i int) api.Event {
	return api.Event{Topic: "t", EventID: strconv.Itoa(i), Payload: json.RawMessage(cmp.Or(f.payload, "{}"))}
}

func (f *feed) events(numbers []int) []api.Event {
	events := []api.Event{}
	for _, i := range numbers {
		events = append(events, f.event(i))
	}
	return events
}

// follower returns a client of f.
func (f *feed) follower(change ...func(*Options)) *Client {
	options := Options{URL: "http://feed", Random: func() float64 { return 0.5 }}
	for _, change := range change {
		change(&options)
	}
	c, err := New(options)
	if err != nil {
		panic(err)
	}
	c.http.Transport, c.streams.Transport = f, f
	return c
}
