package metrics_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/metrics"
	"github.com/eventagg/eventagg/pkg/store"
)

// topics is a store of totals.
type topics struct {
	rows  map[string]store.TopicStats
	asked int
}

func (s *topics) add(topic string, unique, duplicates int64) {
	row := s.rows[topic]
	s.rows[topic] = store.TopicStats{Topic: topic, Unique: row.Unique + unique, Duplicates: row.Duplicates + duplicates}
}

func (s *topics) TopicStats(context.Context) ([]store.TopicStats, error) {
	s.asked++
	var rows []store.TopicStats
	for _, row := range s.rows {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b store.TopicStats) int {
		return cmp.Or(cmp.Compare(b.Unique+b.Duplicates, a.Unique+a.Duplicates), cmp.Compare(a.Topic, b.Topic))
	})
	return rows, nil
}

const topicTotal = "eventagg_topic_events_total"

func TestHostileTopicsAreLabels(t *testing.T) {
	t.Parallel()
	for name, topic := range map[string]string{
		"quotes and braces":       `a"} 1` + "\n" + `evil{x="`,
		"line breaks":             "a\nb\r\nc",
		"a backslash at the end":  `a\`,
		"a comment":               "# TYPE eventagg_store_up counter",
		"marks of right to left":  "\u202eabc\u2066",
		"a line separator":        "a\u2028b",
		"NUL":                     "a\x00b",
		"markup":                  "<script>alert(1)</script>",
		"only spaces":             "   ",
		"the name of a reserved":  "__name__",
		"as long as it can be":    string(make([]byte, 255)),
		"an emoji of many points": "👩‍👩‍👧‍👦",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &topics{rows: map[string]store.TopicStats{}}
			s.add(topic, 3, 2)
			m := metrics.New(metrics.Options{})
			m.WatchTopics(s.TopicStats)
			got := scrape(t, m)
			expect(t, got, 3, topicTotal, "topic", topic, "outcome", "stored")
			expect(t, got, 2, topicTotal, "topic", topic, "outcome", "duplicate")
			expect(t, got, 0, topicTotal, "topic", "other", "outcome", "stored")
			if n := len(got[topicTotal].GetMetric()); n != 4 {
				t.Errorf("%d series, want 4", n)
			}
		})
	}
}

func TestWhatCanBeNoLabelIsOther(t *testing.T) {
	t.Parallel()
	s := &topics{rows: map[string]store.TopicStats{}}
	s.add("other", 3, 2) // would be there twice
	s.add("\xff", 10, 0) // is no UTF-8
	s.add("ordinary", 1, 1)
	m := metrics.New(metrics.Options{})
	m.WatchTopics(s.TopicStats)
	got := scrape(t, m)
	expect(t, got, 13, topicTotal, "topic", "other", "outcome", "stored")
	expect(t, got, 2, topicTotal, "topic", "other", "outcome", "duplicate")
	expect(t, got, 1, topicTotal, "topic", "ordinary", "outcome", "stored")
}

func TestOnlyTheBusiestTopicsHaveALabel(t *testing.T) {
	t.Parallel()
	s := &topics{rows: map[string]store.TopicStats{}}
	for i := range 1000 {
		s.add(fmt.Sprintf("t%03d", i), int64(i), 0)
	}
	m := metrics.New(metrics.Options{})
	m.WatchTopics(s.TopicStats)
	got := scrape(t, m)
	if n := len(got[topicTotal].GetMetric()); n != 2*21 {
		t.Errorf("%d series, want 20 topics and other, twice", n)
	}
	expect(t, got, 980, topicTotal, "topic", "t980", "outcome", "stored")
	expect(t, got, -1, topicTotal, "topic", "t979")
	expect(t, got, 979*980/2, topicTotal, "topic", "other", "outcome", "stored")
}

// TestOtherNeverGoesDown holds the label to what a counter promises, whatever
// topics come and rise; and to all events of topics that have no other.
func TestOtherNeverGoesDown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, 0)
		s := &topics{rows: map[string]store.TopicStats{}}
		m := metrics.New(metrics.Options{Now: func() time.Time { return now }})
		m.WatchTopics(s.TopicStats)
		last, first := 0.0, true
		for range rapid.IntRange(1, 8).Draw(t, "scrapes") {
			for range rapid.IntRange(0, 60).Draw(t, "additions") {
				s.add(fmt.Sprint(rapid.IntRange(0, 40).Draw(t, "topic")), rapid.Int64Range(1, 500).Draw(t, "events"), 0)
			}
			now = now.Add(time.Minute)
			named, other := 0.0, 0.0
			for _, metric := range scrape(t, m)[topicTotal].GetMetric() {
				value := metric.GetCounter().GetValue()
				if metric.GetLabel()[1].GetValue() == "other" { // of outcome and topic
					other += value
				} else {
					named += value
				}
			}
			total := 0.0
			for _, row := range s.rows {
				total += float64(row.Unique)
			}
			if other < last || named+other < total || first && named+other != total {
				t.Fatalf("other is %v after %v; with the named ones %v of %v", other, last, named+other, total)
			}
			last, first = other, false
		}
	})
}

func TestTopicsAreAskedForOnceInAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &topics{rows: map[string]store.TopicStats{}}
		m := metrics.New(metrics.Options{})
		m.WatchTopics(s.TopicStats)
		for range 10 {
			scrape(t, m)
			pass(time.Second)
		}
		if s.asked != 2 {
			t.Errorf("asked %d times in ten seconds, want 2", s.asked)
		}
	})
}

// TestAScrapeDoesNotWaitForTheStore holds a scrape to its own time, whatever the
// store takes.
func TestAScrapeDoesNotWaitForTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(metrics.Options{})
		m.WatchTopics(func(ctx context.Context) ([]store.TopicStats, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		m.Answered(1, 0, 0, 0, 0)
		begin := time.Now()
		got := scrape(t, m)
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("took %v", took)
		}
		expect(t, got, 1, "eventagg_events_total", "outcome", "stored")
		expect(t, got, -1, topicTotal)
	})
}
