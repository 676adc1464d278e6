package metrics_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"github.com/eventagg/eventagg/pkg/metrics"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

func well(context.Context) error { return nil }

// everything is metrics with everything watched and something recorded.
func everything() *metrics.Metrics {
	m := metrics.New(metrics.Options{Version: "1.2.3"})
	m.Request("/publish", "POST", 200, 30*time.Millisecond, false)
	m.Request("/publish", "POST", 200, time.Hour, true)
	m.Request("unknown", "BREW", 404, time.Millisecond, false)
	m.Answered(5, 3, 2, 1, 0)
	m.Received(store.Received{Stored: 7, Duplicates: 4, Redelivered: 2})
	m.Buried(3)
	flushed := m.Flushes("database")
	flushed(8, 20*time.Millisecond, nil)
	flushed(100, time.Second, store.ErrUnavailable)
	m.WatchPending("database", func() (int, int) { return 12, 3456 })
	m.WatchStore(well)
	m.WatchBroker(func(context.Context) error { return store.ErrNotDurable },
		func(context.Context) (queue.Size, error) {
			return queue.Size{Events: 40, Bytes: 5000, DeadLetters: 6}, nil
		})
	m.WatchGates(map[string]func() error{
		"database": func() error { return nil }, "broker": func() error { return store.ErrUnavailable },
	})
	m.WatchPools(func() []metrics.Pool {
		return []metrics.Pool{{Name: "writers", InUse: 1, Idle: 2, Max: 3, Waits: 4, Waited: 1500 * time.Millisecond}, {Name: "readers"}}
	})
	m.WatchFollowers(func() int { return 9 })
	m.WatchTopics(func(context.Context) ([]store.TopicStats, error) {
		return []store.TopicStats{{Topic: "a", Unique: 2, Duplicates: 1}}, nil
	})
	return m
}

func TestScrapeHasWhatWasRecorded(t *testing.T) {
	t.Parallel()
	got := scrape(t, everything())
	for _, want := range []struct {
		value  float64
		name   string
		labels []string
	}{
		{2, "eventagg_http_requests_total", []string{"route", "/publish", "method", "POST", "code", "200"}},
		{1, "eventagg_http_requests_total", []string{"route", "unknown", "method", "other", "code", "404"}},
		{5, "eventagg_events_total", []string{"outcome", "stored"}},
		{3, "eventagg_events_total", []string{"outcome", "duplicate"}},
		{2, "eventagg_events_total", []string{"outcome", "queued"}},
		{1, "eventagg_events_total", []string{"outcome", "invalid"}},
		{0, "eventagg_events_total", []string{"outcome", "rejected"}},
		{7, "eventagg_worker_events_total", []string{"outcome", "stored"}},
		{4, "eventagg_worker_events_total", []string{"outcome", "duplicate"}},
		{2, "eventagg_worker_events_total", []string{"outcome", "redelivered"}},
		{3, "eventagg_worker_events_total", []string{"outcome", "dead_letter"}},
		{1, "eventagg_ingest_flush_failures_total", []string{"ingest", "database"}},
		{12, "eventagg_ingest_pending_events", []string{"ingest", "database"}},
		{3456, "eventagg_ingest_pending_bytes", []string{"ingest", "database"}},
		{1, "eventagg_store_up", nil},
		{0, "eventagg_broker_up", nil},
		{40, "eventagg_queue_events", nil},
		{5000, "eventagg_queue_bytes", nil},
		{6, "eventagg_queue_dead_letters", nil},
		{1, "eventagg_gate_open", []string{"way", "database"}},
		{0, "eventagg_gate_open", []string{"way", "broker"}},
		{1, "eventagg_postgres_connections", []string{"pool", "writers", "state", "in_use"}},
		{2, "eventagg_postgres_connections", []string{"pool", "writers", "state", "idle"}},
		{3, "eventagg_postgres_connections_max", []string{"pool", "writers"}},
		{4, "eventagg_postgres_connection_waits_total", []string{"pool", "writers"}},
		{1.5, "eventagg_postgres_connection_wait_seconds_total", []string{"pool", "writers"}},
		{9, "eventagg_stream_followers", nil},
		{2, "eventagg_topic_events_total", []string{"topic", "a", "outcome", "stored"}},
		{1, "eventagg_topic_events_total", []string{"topic", "a", "outcome", "duplicate"}},
		{1, "eventagg_build_info", []string{"version", "1.2.3"}},
	} {
		expect(t, got, want.value, want.name, want.labels...)
	}
	timed := find(got, "eventagg_http_request_duration_seconds", "route", "/publish").GetHistogram()
	if timed.GetSampleCount() != 1 || timed.GetSampleSum() != 0.03 {
		t.Errorf("a stream must not be timed: %v", timed)
	}
	if size := find(got, "eventagg_ingest_batch_events").GetHistogram(); size.GetSampleCount() != 2 || size.GetSampleSum() != 108 {
		t.Errorf("batches: %v", size)
	}
	if took := find(got, "eventagg_ingest_flush_duration_seconds").GetHistogram(); took.GetSampleCount() != 2 || took.GetSampleSum() != 1.02 {
		t.Errorf("flushes: %v", took)
	}
	for _, name := range []string{"go_goroutines", "go_memstats_alloc_bytes"} {
		if find(got, name) == nil {
			t.Errorf("%s is missing", name)
		}
	}
}

// TestNamesFollowPrometheusConventions asks promlint about a whole scrape.
func TestNamesFollowPrometheusConventions(t *testing.T) {
	t.Parallel()
	var own []*dto.MetricFamily
	for name, family := range scrape(t, everything()) {
		if len(name) > 9 && name[:9] == "eventagg_" {
			own = append(own, family)
		}
	}
	if len(own) < 20 {
		t.Fatalf("only %d metrics", len(own))
	}
	problems, err := promlint.NewWithMetricFamilies(own).Lint()
	if err != nil {
		t.Fatal(err)
	}
	for _, problem := range problems {
		t.Errorf("%s: %s", problem.Metric, problem.Text)
	}
}

// TestAQuietServerHasItsCounters holds what a rate needs: a series that begins
// with its first event has no rate of it.
func TestAQuietServerHasItsCounters(t *testing.T) {
	t.Parallel()
	got := scrape(t, metrics.New(metrics.Options{}))
	for _, outcome := range []string{"stored", "duplicate", "queued", "invalid", "rejected"} {
		expect(t, got, 0, "eventagg_events_total", "outcome", outcome)
	}
	expect(t, got, 0, "eventagg_worker_events_total", "outcome", "dead_letter")
	expect(t, got, 0, "eventagg_stream_followers")
	expect(t, got, 1, "eventagg_build_info", "version", "unknown")
	if names := slices.Sorted(maps.Keys(got)); slices.Contains(names, "eventagg_broker_up") {
		t.Errorf("a broker where there is none: %v", names)
	}
}

// TestWhatIsAwayIsLeftOut holds a scrape to say nothing that it does not know,
// to say so, and to have the rest.
func TestWhatIsAwayIsLeftOut(t *testing.T) {
	t.Parallel()
	away := errors.New("away")
	m := metrics.New(metrics.Options{})
	m.WatchStore(func(context.Context) error { return away })
	m.WatchBroker(func(context.Context) error { return away },
		func(context.Context) (queue.Size, error) { return queue.Size{}, away })
	m.WatchTopics(func(context.Context) ([]store.TopicStats, error) { return nil, away })
	m.Answered(1, 0, 0, 0, 0)
	scrape(t, m)
	got := scrape(t, m)
	expect(t, got, 0, "eventagg_store_up")
	expect(t, got, 0, "eventagg_broker_up")
	expect(t, got, -1, "eventagg_queue_events")
	expect(t, got, -1, "eventagg_queue_dead_letters")
	expect(t, got, -1, "eventagg_topic_events_total")
	expect(t, got, 1, "eventagg_events_total", "outcome", "stored")
	for _, source := range []string{"queue", "topics"} {
		metric := find(got, "eventagg_scrape_errors_total", "source", source)
		if n := metric.GetCounter().GetValue(); n < 1 { // the second scrape may read it before it fails
			t.Errorf("%v errors of %s, want at least the first scrape's", n, source)
		}
	}
}

func TestRecordersAllocateNothing(t *testing.T) {
	m := metrics.New(metrics.Options{})
	flushed := m.Flushes("database")
	m.Request("/publish", "POST", 200, time.Millisecond, false) // the first of its kind makes a series
	for name, record := range map[string]func(){
		"a request":         func() { m.Request("/publish", "POST", 200, time.Millisecond, false) },
		"a stream":          func() { m.Request("/publish", "POST", 200, time.Millisecond, true) },
		"events":            func() { m.Answered(1, 2, 3, 4, 5) },
		"events of a queue": func() { m.Received(store.Received{Stored: 1, Duplicates: 1}) },
		"a batch":           func() { flushed(10, time.Millisecond, nil) },
		"a failed batch":    func() { flushed(10, time.Millisecond, store.ErrUnavailable) },
	} {
		if n := testing.AllocsPerRun(100, record); n != 0 {
			t.Errorf("%s allocates %v times", name, n)
		}
	}
}

// TestMethodsAreBounded holds the series to a number that no client chooses.
func TestMethodsAreBounded(t *testing.T) {
	t.Parallel()
	m := metrics.New(metrics.Options{})
	for i := range 1000 {
		m.Request("unknown", string(rune('A'+i)), 405, 0, false)
	}
	got := scrape(t, m)
	if n := len(got["eventagg_http_requests_total"].GetMetric()); n != 1 {
		t.Errorf("%d series, want 1", n)
	}
	expect(t, got, 1000, "eventagg_http_requests_total", "method", "other")
}
