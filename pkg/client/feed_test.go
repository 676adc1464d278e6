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

// feed is a server of events 1, 2, 3, … in memory, without a network: it is the
// transport of a client. A cursor is the number of an event.
type feed struct {
	mu     sync.Mutex
	stored int
	asked  int
	// payload is that of every event; where it is large, pages are short.
	payload string
	// late says in which request the event of a number appears, if not in the
	// first after add.
	late map[int]int
	// fail says how the request of that number ends, counted from 1: 0 well,
	// -1 lost, otherwise with that status.
	fail func(request int) int
	// streams says that the server is of a version with GET /events/stream;
	// cut, after how many bytes its answer breaks off, 0 for never.
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

// RoundTrip answers GET /events as the server does.
func (f *feed) RoundTrip(r *http.Request) (*http.Response, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	answer := httptest.NewRecorder()
	if f.fail != nil {
		switch status := f.fail(f.asked); status {
		case 0:
		case -1:
			return nil, errors.New("connection reset")
		default:
			answer.Header().Set("Retry-After", "1")
			answer.WriteHeader(status)
			return answer.Result(), nil
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
			answer.Header().Add("Link", fmt.Sprintf(`</events?cursor=older-%d>; rel="next"`, shown[len(shown)-1]))
		}
		page, last = f.events(shown), from
	}
	if kind == "newer" || query.Get("settled") == "true" {
		answer.Header().Add("Link", fmt.Sprintf(`</events?cursor=newer-%d>; rel="prev"`, last))
	}
	err := json.NewEncoder(answer).Encode(page)
	return answer.Result(), err
}

// page is what a store answers from a number on, in steps of 1 or -1.
func (f *feed) page(from, step, limit int) (shown []int, more bool) {
	size := 0
	for i := from; i >= 1 && i <= f.stored; i += step {
		if f.late[i] > f.asked {
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

// follower is a client of f.
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
