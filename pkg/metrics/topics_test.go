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

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/metrics"
	"github.com/eventagg/eventagg/pkg/store"
)

// fakeStore counts events by topic.
type fakeStore struct {
	rows  map[string]store.TopicStats
	reads int
	// onStats is called before the total is read, unless it is nil.
	onStats func()
}

func (s *fakeStore) between() {
	if s.onStats != nil {
		s.onStats()
	}
}

func (s *fakeStore) add(topic string, unique, duplicates int64) {
	row := s.rows[topic]
	s.rows[topic] = store.TopicStats{Topic: topic, Stored: row.Stored + unique, Duplicates: row.Duplicates + duplicates}
}

func (s *fakeStore) TopicStats(_ context.Context, query store.TopicQuery) ([]store.TopicStats, error) {
	s.reads++
	var rows []store.TopicStats
	for _, row := range s.rows {
		rows = append(rows, row)
	}
	slices.SortFunc(rows, func(a, b store.TopicStats) int {
		return cmp.Or(cmp.Compare(b.Stored+b.Duplicates, a.Stored+a.Duplicates), cmp.Compare(a.Topic, b.Topic))
	})
	return rows[:min(len(rows), query.Limit)], nil
}

func (s *fakeStore) Stats(context.Context) (sum store.Stats, err error) {
	s.between()
	for _, row := range s.rows {
		sum.Stored += row.Stored
		sum.Duplicates += row.Duplicates
	}
	return sum, nil
}

// hangingStore is a store that does not respond.
type hangingStore struct{}

func (hangingStore) Stats(ctx context.Context) (store.Stats, error) {
	<-ctx.Done()
	return store.Stats{}, ctx.Err()
}

func (hangingStore) TopicStats(ctx context.Context, _ store.TopicQuery) ([]store.TopicStats, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

// TestWatchTopics_OtherNeverDecreasesBetweenTwoReads stores events of a busy topic
// after the topics were read and before the total is.
func TestWatchTopics_OtherNeverDecreasesBetweenTwoReads(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	s := &fakeStore{rows: map[string]store.TopicStats{}}
	for i := range 30 {
		s.add(fmt.Sprintf("t%02d", i), 100+int64(i), 0)
	}
	m := metrics.New(metrics.Options{Now: func() time.Time { return now }})
	m.WatchTopics(s)
	other := func() int64 { return scrapeTopics(t, m)["other"].Stored }
	quiet := other()
	s.onStats = func() { s.add("t29", 50, 0) }
	now = now.Add(time.Minute)
	high := other()
	s.onStats = nil
	now = now.Add(time.Minute)
	if got := other(); got != high || high != quiet+50 {
		t.Errorf("other is %d after %d and %d", got, high, quiet)
	}
	s.add("t00", 60, 0)
	now = now.Add(time.Minute)
	if got := other(); got != quiet+60 {
		t.Errorf("other is %d, want %d", got, quiet+60)
	}
}

const topicTotal = "eventagg_topic_events_total"

func TestWatchTopics_EscapesHostileTopics(t *testing.T) {
	t.Parallel()
	for name, topic := range map[string]string{
		"quotes and braces":               `a"} 1` + "\n" + `evil{x="`,
		"line breaks":                     "a\nb\r\nc",
		"a backslash at the end":          `a\`,
		"a comment":                       "# TYPE eventagg_store_up counter",
		"bidirectional controls":          "\u202eabc\u2066",
		"a line separator":                "a\u2028b",
		"NUL":                             "a\x00b",
		"markup":                          "<script>alert(1)</script>",
		"only spaces":                     "   ",
		"a reserved name":                 "__name__",
		"the maximum length":              string(make([]byte, 255)),
		"an emoji of several code points": "👩‍👩‍👧‍👦",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &fakeStore{rows: map[string]store.TopicStats{}}
			s.add(topic, 3, 2)
			m := metrics.New(metrics.Options{})
			m.WatchTopics(s)
			got := scrape(t, m)
			expect(t, got, 3, topicTotal, "topic", topic, "outcome", "stored")
			expect(t, got, 2, topicTotal, "topic", topic, "outcome", "duplicate")
			expect(t, got, 0, topicTotal, "topic", "other", "outcome", "stored")
			if n := len(got[topicTotal].GetMetric()); n != 4 {
				t.Errorf("got %d series, want 4", n)
			}
		})
	}
}

func TestWatchTopics_CountsInvalidLabelsAsOther(t *testing.T) {
	t.Parallel()
	s := &fakeStore{rows: map[string]store.TopicStats{}}
	s.add("other", 3, 2) // would be a duplicate series
	s.add("\xff", 10, 0) // invalid UTF-8
	s.add("ordinary", 1, 1)
	m := metrics.New(metrics.Options{})
	m.WatchTopics(s)
	got := scrape(t, m)
	expect(t, got, 13, topicTotal, "topic", "other", "outcome", "stored")
	expect(t, got, 2, topicTotal, "topic", "other", "outcome", "duplicate")
	expect(t, got, 1, topicTotal, "topic", "ordinary", "outcome", "stored")
}

func TestWatchTopics_LabelsBusiestTopics(t *testing.T) {
	t.Parallel()
	s := &fakeStore{rows: map[string]store.TopicStats{}}
	for i := range 1000 {
		s.add(fmt.Sprintf("t%03d", i), int64(i), 0)
	}
	m := metrics.New(metrics.Options{})
	m.WatchTopics(s)
	got := scrape(t, m)
	if n := len(got[topicTotal].GetMetric()); n != 2*21 {
		t.Errorf("got %d series, want 2 for each of 20 topics and other", n)
	}
	expect(t, got, 980, topicTotal, "topic", "t980", "outcome", "stored")
	expect(t, got, -1, topicTotal, "topic", "t979")
	expect(t, got, 979*980/2, topicTotal, "topic", "other", "outcome", "stored")
}

// scrapeTopics returns the counters of a scrape by topic label.
func scrapeTopics(t tester, m *metrics.Metrics) map[string]store.TopicStats {
	rows := map[string]store.TopicStats{}
	for _, metric := range scrape(t, m)[topicTotal].GetMetric() {
		outcome, topic, value := metric.GetLabel()[0].GetValue(), metric.GetLabel()[1].GetValue(), int64(metric.GetCounter().GetValue())
		row := rows[topic]
		if outcome == "stored" {
			row.Stored = value
		} else {
			row.Duplicates = value
		}
		rows[topic] = row
	}
	return rows
}

// TestWatchTopics_OtherNeverDecreases changes the ranks of topics. "other" grows
// by the events of topics that had no label at the last read. It never decreases,
// because Prometheus would take that as a restart.
func TestWatchTopics_OtherNeverDecreases(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(0, 0)
		s := &fakeStore{rows: map[string]store.TopicStats{}}
		for i := range int64(30) {
			s.add(fmt.Sprint(i), i*10, 0)
		}
		m := metrics.New(metrics.Options{Now: func() time.Time { return now }})
		m.WatchTopics(s)
		last := scrapeTopics(t, m)
		if want := int64(10 * (0 + 1 + 2 + 3 + 4 + 5 + 6 + 7 + 8 + 9)); last["other"].Stored != want {
			t.Fatalf("the 10 least busy topics: got %d, want %d", last["other"].Stored, want)
		}
		for range rapid.IntRange(1, 5).Draw(t, "scrapes") {
			want := last["other"]
			for range rapid.IntRange(0, 5).Draw(t, "additions") {
				topic := fmt.Sprint(rapid.IntRange(0, 29).Draw(t, "topic"))
				unique, duplicates := rapid.Int64Range(0, 200).Draw(t, "unique"), rapid.Int64Range(0, 200).Draw(t, "duplicates")
				s.add(topic, unique, duplicates)
				if _, named := last[topic]; !named {
					want.Stored += unique
					want.Duplicates += duplicates
				}
			}
			now = now.Add(time.Minute)
			got := scrapeTopics(t, m)
			if got["other"] != want || len(got) != 21 {
				t.Fatalf("other: got %+v among %d labels, want %+v", got["other"], len(got), want)
			}
			for topic, row := range got {
				if topic != "other" && (row.Stored != s.rows[topic].Stored || row.Duplicates != s.rows[topic].Duplicates) {
					t.Fatalf("%s: got %+v, want %+v", topic, row, s.rows[topic])
				}
			}
			last = got
		}
	})
}

func TestWatchTopics_CachesTotals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := &fakeStore{rows: map[string]store.TopicStats{}}
		m := metrics.New(metrics.Options{})
		m.WatchTopics(s)
		for range 10 {
			scrape(t, m)
			sleep(time.Second)
		}
		if s.reads != 2 {
			t.Errorf("got %d reads in 10 seconds, want 2", s.reads)
		}
	})
}

// TestWatchTopics_TimesOut checks that a store that does not respond can't block a
// scrape.
func TestWatchTopics_TimesOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := metrics.New(metrics.Options{})
		m.WatchTopics(hangingStore{})
		m.RecordEvents(event.Tally{Stored: 1})
		begin := time.Now()
		got := scrape(t, m)
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("scrape took %v", took)
		}
		expect(t, got, 1, "eventagg_events_total", "outcome", "stored")
		expect(t, got, -1, topicTotal)
	})
}
