package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// olderPages reads events that were stored at the same moment, with page sizes
// that divide the batches and others.
func olderPages(t *testing.T, h Harness) {
	s := h.Open(t)
	var stored []event.Event
	for batch := range 5 {
		events := newEvents(fmt.Sprintf("topic %d", batch%2), 11)
		for i := range events {
			events[i].ID = fmt.Sprintf("%d/%02d", batch, 10-i) // in reverse order of keys
		}
		mustAppend(t, s, events...)
		stored = append(stored, events...)
	}
	for _, page := range []int{1, 7, 11, 54, 55, 56, 1000} {
		records := walk(t, s, store.Filter{}, store.Position{}, page)
		checkRecords(t, reversed(records), stored)
		checkAscending(t, reversed(records))
	}
	newest, _ := mustOlder(t, s, store.Filter{}, store.Position{}, 3)
	checkRecords(t, reversed(newest), stored[len(stored)-3:])
	again := mustEvent(t, s, newest[0].Key())
	if again != newest[0] {
		t.Errorf("read by key the record is %+v, read in order %+v", again, newest[0])
	}
}

// largePages reads large events between small ones, so that the size of the next
// events can't be estimated from the previous ones. A page with limit events
// would have many times PageBytes. checkPage checks the size of every page.
func largePages(t *testing.T, h Harness) {
	s := h.Open(t)
	var stored []event.Event
	add := func(topic string, count, size int) {
		events := newEvents(topic, count)
		for i := range events {
			events[i].ID = fmt.Sprintf("%d bytes/%s", size, events[i].ID)
			events[i].Payload = `{"x":"` + strings.Repeat("x", size) + `"}`
		}
		for part := range slices.Chunk(events, 10) {
			mustAppend(t, s, part...)
		}
		stored = append(stored, events...)
	}
	add("small", 150, 10)
	add("large", 40, 512<<10)
	add("small", 50, 100)
	add("large", 10, 100<<10)
	for f, page := range map[store.Filter]int{{}: 1000, {Topic: "large"}: 30, {Topic: "small", Source: "storetest"}: 60} {
		want := slices.DeleteFunc(slices.Clone(stored), func(e event.Event) bool { return f.Topic != "" && f.Topic != e.Topic })
		checkRecords(t, reversed(walk(t, s, f, store.Position{}, page)), want)
		checkRecords(t, follow(t, s, f, store.Position{}, page, len(want)), want)
	}
}

// filters compares the result of each filter with a filter in Go.
func filters(t *testing.T, h Harness) {
	s := h.Open(t)
	for batch := range 6 {
		events := newEvents(fmt.Sprintf("topic %d", batch%3), 6)
		for i := range events {
			events[i].ID = fmt.Sprintf("%d/%d", batch/3, i) // in each of the topics
			events[i].Source = fmt.Sprintf("source %d", i%2)
		}
		mustAppend(t, s, events...)
	}
	all := reversed(walkAll(t, s))
	early, late := all[12].CreatedAt, all[24].CreatedAt
	for _, f := range []store.Filter{
		{}, {Topic: "topic 1"}, {Source: "source 1"}, {Topic: "topic 2", Source: "source 0"}, {Topic: "Topic 1"}, {Topic: "none"}, {Source: "none"},
		{Topic: "%"}, {Since: early}, {Until: late}, {Since: early, Until: late}, {Since: early.Add(time.Microsecond)}, {Until: early}, {Since: late, Until: early},
		{Topic: "topic 0", Source: "source 1", Since: early, Until: late}, {Since: early.In(time.FixedZone("east", 7*3600))},
		{Since: early.Add(-time.Hour)}, {Until: late.Add(time.Hour)}, {Since: late.Add(time.Hour)}, {Until: early.Add(-time.Hour)},
		{ID: "0/1"}, {ID: "1/5"}, {ID: "0/"}, {ID: "%"}, {ID: "topic 0"}, {Topic: "topic 1", ID: "0/1"}, {Topic: "none", ID: "0/1"},
		{ID: "0/1", Source: "source 1"}, {ID: "0/1", Source: "source 0"}, {ID: "0/3", Since: early}, {ID: "0/3", Until: early}, {ID: "1/3", Since: early, Until: late},
		{Topic: "topic 2", ID: "1/2", Since: early}, {Topic: "topic 2", ID: "1/2", Until: early},
	} {
		var want []event.Event
		for _, record := range all {
			if matches(f, record) {
				want = append(want, record.Event)
			}
		}
		for _, page := range []int{2, 1000} {
			checkRecords(t, reversed(walk(t, s, f, store.Position{}, page)), want)
			if len(want) > 0 {
				checkRecords(t, follow(t, s, f, store.Position{}, page, len(want)), want)
			}
		}
		if t.Failed() {
			t.Fatalf("with the filter %+v", f)
		}
	}
}

// matches is the specification of a filter.
func matches(f store.Filter, r store.Record) bool {
	return (f.Topic == "" || f.Topic == r.Topic) && (f.Source == "" || f.Source == r.Source) && (f.ID == "" || f.ID == r.ID) &&
		(f.Since.IsZero() || !r.CreatedAt.Before(f.Since)) && (f.Until.IsZero() || r.CreatedAt.Before(f.Until))
}

func notFound(t *testing.T, h Harness) {
	s := h.Open(t)
	mustAppend(t, s, newEvent("login", "1"))
	for _, key := range []event.Key{
		{Topic: "login", ID: "2"}, {Topic: "logout", ID: "1"}, {Topic: "1", ID: "login"}, {Topic: "LOGIN", ID: "1"}, {Topic: "login", ID: "1 "},
		{Topic: "login", ID: "%"}, {},
	} {
		if record, err := s.Event(context.Background(), key); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%q: got %+v, %v, want ErrNotFound", key, record, err)
		}
	}
}
