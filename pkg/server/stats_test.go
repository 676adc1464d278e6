package server

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestStats_Totals(t *testing.T) {
	t.Parallel()
	now := noon()
	s := serverWith(new(memory).fill(5).fill(2), func(o *Options) { o.Now = func() time.Time { return now } })
	now = now.Add(12_345 * time.Millisecond)
	want := `{"received":7,"unique_processed":5,"duplicate_dropped":2,"conflicts":0,"stored_events":5,"topics_active":2,"uptime_seconds":12.345}` + "\n"
	if got := send(s, "GET", "/stats", "").Body.String(); got != want {
		t.Errorf("got %s", got)
	}
}

func TestTopicStats_Order(t *testing.T) {
	t.Parallel()
	m := &memory{}
	s := serverWith(m)
	if got := send(s, "GET", "/stats/topics", "").Body.String(); got != "[]\n" {
		t.Errorf("of an empty store: %s", got)
	}
	m.fill(3).fill(1)
	var got []api.TopicStats
	if err := json.Unmarshal(send(s, "GET", "/stats/topics", "").Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	want := []api.TopicStats{
		{Topic: "t1", Stored: 2, Duplicates: 1, FirstSeen: noon().Add(time.Second), LastSeen: noon().Add(3 * time.Second)},
		{Topic: "t0", Stored: 1, FirstSeen: noon().Add(2 * time.Second), LastSeen: noon().Add(2 * time.Second)},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestTopicStats_Pages follows the links through many topics.
func TestTopicStats_Pages(t *testing.T) {
	t.Parallel()
	m := &memory{topics: map[string]*store.TopicStats{}}
	for i := range 2500 {
		topic := fmt.Sprintf("topic %d/ü&", i)
		m.topics[topic] = &store.TopicStats{Topic: topic, Stored: int64(i / 7), Duplicates: int64(i % 3), FirstSeen: noon(), LastSeen: noon()}
	}
	s := serverWith(m)
	for start, sizes := range map[string][]int{
		"/stats/topics": {1000, 1000, 500}, "/stats/topics?limit=1000": {1000, 1000, 500}, "/stats/topics?limit=625": {625, 625, 625, 625},
	} {
		var pages []int
		seen := map[string]bool{}
		for target := start; target != ""; {
			response := send(s, "GET", target, "")
			var rows []api.TopicStats
			if err := json.Unmarshal(response.Body.Bytes(), &rows); err != nil {
				t.Fatal(err)
			}
			pages = append(pages, len(rows))
			for _, row := range rows {
				seen[row.Topic] = true
			}
			target = ""
			if found := regexp.MustCompile(`^<(\?[^>]*)>; rel="next"$`).FindStringSubmatch(response.Header().Get("Link")); found != nil {
				target = "/stats/topics" + found[1]
			}
		}
		if len(seen) != 2500 || !slices.Equal(pages, sizes) {
			t.Errorf("%s: %d topics in pages of %d, want 2500 in pages of %d", start, len(seen), pages, sizes)
		}
	}
	got := send(s, "GET", "/stats/topics?topic=topic+20%2F%C3%BC%26", "").Body.String()
	if want := `[{"topic":"topic 20/ü\u0026","unique_processed":2,"duplicate_dropped":2,`; !strings.HasPrefix(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := send(s, "GET", "/stats/topics?topic=none", "").Body.String(); got != "[]\n" {
		t.Errorf("an unknown topic: %s", got)
	}
}

func TestTopicStats_RejectsInvalidParameters(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{})
	for query, status := range map[string]int{
		"limit=0": 422, "limit=1001": 422, "limit=x": 422, "limit=": 422, "limit=1&limit=2": 422, "topic=": 422, "topic=%00": 422,
		"cursor=x": 422, "cursor=" + (api.Cursor{Newer: true}).String(): 422, "cursor=" + (api.TopicCursor{Received: 1, Topic: "\x00"}).String(): 422,
		"offset=1": 422, "topic=%": 400,
	} {
		if response := send(s, "GET", "/stats/topics?"+query, ""); response.Code != status {
			t.Errorf("%s: status %d, want %d: %s", query, response.Code, status, response.Body)
		}
	}
}
