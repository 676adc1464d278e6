package server

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/api"
)

func TestStats_Totals(t *testing.T) {
	t.Parallel()
	now := noon()
	s := serverWith(new(memory).fill(5).fill(2), func(o *Options) { o.Now = func() time.Time { return now } })
	now = now.Add(12_345 * time.Millisecond)
	want := `{"received":7,"unique_processed":5,"duplicate_dropped":2,"topics_active":2,"uptime_seconds":12.345}` + "\n"
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
