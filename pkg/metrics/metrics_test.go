package metrics_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/metrics"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

func available(context.Context) error { return nil }

// fullMetrics returns metrics on which every method was called.
func fullMetrics() *metrics.Metrics {
	m := metrics.New(metrics.Options{Version: "1.2.3"})
	m.RecordRequest("/publish", "POST", 200, 30*time.Millisecond, false)
	m.RecordRequest("/publish", "POST", 200, time.Hour, true)
	m.RecordRequest("unknown", "BREW", 404, time.Millisecond, false)
	m.RecordEvents(event.Tally{Stored: 5, Duplicate: 3, Queued: 2, Invalid: 1})
	m.RecordReceived(store.Received{Stored: 7, Duplicates: 4, Redelivered: 2})
	m.RecordDeadLetters(3)
	record := m.FlushRecorder("database")
	record(8, 20*time.Millisecond, nil)
	record(100, time.Second, store.ErrUnavailable)
	m.WatchPending("database", func() (int, int) { return 12, 3456 })
	m.WatchStore(available)
	m.WatchQueue(func(context.Context) error { return store.ErrNotDurable },
		func(context.Context) (queue.Size, error) {
			return queue.Size{Events: 40, Bytes: 5000, DeadLetters: 6}, nil
		})
	m.WatchCircuits(map[string]func() error{
		"database": func() error { return nil }, "queue": func() error { return store.ErrUnavailable },
	})
	m.WatchPools(func() []metrics.Pool {
		return []metrics.Pool{{Name: "writers", InUse: 1, Idle: 2, Max: 3, Waits: 4, Waited: 1500 * time.Millisecond}, {Name: "readers"}}
	})
	m.WatchWAL(func() (int64, error) { return 77, nil })
	m.WatchFollowers(func() int { return 9 })
	m.WatchTopics(fixedStats{})
	return m
}

// fixedStats is a store with one topic, or with an error.
type fixedStats struct{ err error }

func (f fixedStats) Stats(context.Context) (store.Stats, error) {
	return store.Stats{Received: 3, Stored: 2, Duplicates: 1, Topics: 1}, f.err
}

func (f fixedStats) TopicStats(context.Context, store.TopicQuery) ([]store.TopicStats, error) {
	return []store.TopicStats{{Topic: "a", Stored: 2, Duplicates: 1}}, f.err
}

func TestHandler_ReportsEverythingRecorded(t *testing.T) {
	t.Parallel()
	got := scrape(t, fullMetrics())
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
		{1, "eventagg_ingest_flush_failures_total", []string{"target", "database"}},
		{12, "eventagg_ingest_pending_events", []string{"target", "database"}},
		{3456, "eventagg_ingest_pending_bytes", []string{"target", "database"}},
		{1, "eventagg_store_up", nil},
		{0, "eventagg_queue_up", nil},
		{40, "eventagg_queue_events", nil},
		{5000, "eventagg_queue_bytes", nil},
		{6, "eventagg_queue_dead_letters", nil},
		{1, "eventagg_circuit_closed", []string{"target", "database"}},
		{0, "eventagg_circuit_closed", []string{"target", "queue"}},
		{1, "eventagg_postgres_connections", []string{"pool", "writers", "state", "in_use"}},
		{2, "eventagg_postgres_connections", []string{"pool", "writers", "state", "idle"}},
		{3, "eventagg_postgres_connections_max", []string{"pool", "writers"}},
		{4, "eventagg_postgres_connection_waits_total", []string{"pool", "writers"}},
		{1.5, "eventagg_postgres_connection_wait_seconds_total", []string{"pool", "writers"}},
		{77, "eventagg_sqlite_wal_bytes", nil},
		{9, "eventagg_stream_followers", nil},
		{2, "eventagg_topic_events_total", []string{"topic", "a", "outcome", "stored"}},
		{1, "eventagg_topic_events_total", []string{"topic", "a", "outcome", "duplicate"}},
		{1, "eventagg_build_info", []string{"version", "1.2.3"}},
	} {
		expect(t, got, want.value, want.name, want.labels...)
	}
	duration := find(got, "eventagg_http_request_duration_seconds", "route", "/publish").GetHistogram()
	if duration.GetSampleCount() != 1 || duration.GetSampleSum() != 0.03 {
		t.Errorf("duration of requests, without the stream: %v", duration)
	}
	if size := find(got, "eventagg_ingest_batch_events").GetHistogram(); size.GetSampleCount() != 2 || size.GetSampleSum() != 108 {
		t.Errorf("batch sizes: %v", size)
	}
	if took := find(got, "eventagg_ingest_flush_duration_seconds").GetHistogram(); took.GetSampleCount() != 2 || took.GetSampleSum() != 1.02 {
		t.Errorf("flush durations: %v", took)
	}
	for _, name := range []string{"go_goroutines", "go_memstats_alloc_bytes"} {
		if find(got, name) == nil {
			t.Errorf("%s is missing", name)
		}
	}
}

// TestHandler_PassesPromlint checks the names and help texts of a whole scrape.
func TestHandler_PassesPromlint(t *testing.T) {
	t.Parallel()
	var own []*dto.MetricFamily
	for name, family := range scrape(t, fullMetrics()) {
		if strings.HasPrefix(name, "eventagg_") {
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

// TestHandler_HasCountersBeforeFirstEvent checks that counters start at 0. If a
// series starts with its first event, rate() misses that event.
func TestHandler_HasCountersBeforeFirstEvent(t *testing.T) {
	t.Parallel()
	got := scrape(t, metrics.New(metrics.Options{}))
	for _, outcome := range []string{"stored", "duplicate", "queued", "invalid", "rejected"} {
		expect(t, got, 0, "eventagg_events_total", "outcome", outcome)
	}
	expect(t, got, 0, "eventagg_worker_events_total", "outcome", "dead_letter")
	expect(t, got, 0, "eventagg_stream_followers")
	expect(t, got, 1, "eventagg_build_info", "version", "unknown")
	if names := slices.Sorted(maps.Keys(got)); slices.Contains(names, "eventagg_queue_up") {
		t.Errorf("eventagg_queue_up without a queue: %v", names)
	}
}

// TestHandler_LeavesOutUnavailable checks a scrape while dependencies are
// unavailable: their metrics are left out, the errors counted, the rest is there.
func TestHandler_LeavesOutUnavailable(t *testing.T) {
	t.Parallel()
	errDown := errors.New("down")
	m := metrics.New(metrics.Options{})
	m.WatchStore(func(context.Context) error { return errDown })
	m.WatchQueue(func(context.Context) error { return errDown },
		func(context.Context) (queue.Size, error) { return queue.Size{}, errDown })
	m.WatchTopics(fixedStats{errDown})
	m.RecordEvents(event.Tally{Stored: 1})
	scrape(t, m)
	got := scrape(t, m)
	expect(t, got, 0, "eventagg_store_up")
	expect(t, got, 0, "eventagg_queue_up")
	expect(t, got, -1, "eventagg_queue_events")
	expect(t, got, -1, "eventagg_queue_dead_letters")
	expect(t, got, -1, "eventagg_topic_events_total")
	expect(t, got, 1, "eventagg_events_total", "outcome", "stored")
	for _, source := range []string{"queue", "topics"} {
		metric := find(got, "eventagg_scrape_errors_total", "source", source)
		if n := metric.GetCounter().GetValue(); n < 1 { // the second scrape may read the counter before it counts
			t.Errorf("source %s: got %v scrape errors, want at least 1", source, n)
		}
	}
}

func TestRecorders_AllocateNothing(t *testing.T) {
	m := metrics.New(metrics.Options{})
	flush := m.FlushRecorder("database")
	m.RecordRequest("/publish", "POST", 200, time.Millisecond, false) // the first request of a kind creates its series
	for name, record := range map[string]func(){
		"a request":           func() { m.RecordRequest("/publish", "POST", 200, time.Millisecond, false) },
		"a stream":            func() { m.RecordRequest("/publish", "POST", 200, time.Millisecond, true) },
		"events":              func() { m.RecordEvents(event.Tally{Stored: 1, Duplicate: 2, Queued: 3, Invalid: 4, Rejected: 5}) },
		"events from a queue": func() { m.RecordReceived(store.Received{Stored: 1, Duplicates: 1}) },
		"a batch":             func() { flush(10, time.Millisecond, nil) },
		"a failed batch":      func() { flush(10, time.Millisecond, store.ErrUnavailable) },
	} {
		if n := testing.AllocsPerRun(100, record); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// TestRecordRequest_CountsUnknownMethodsAsOther checks that clients can't add
// series by inventing methods.
func TestRecordRequest_CountsUnknownMethodsAsOther(t *testing.T) {
	t.Parallel()
	m := metrics.New(metrics.Options{})
	for i := range 1000 {
		m.RecordRequest("unknown", string(rune('A'+i)), 405, 0, false)
	}
	got := scrape(t, m)
	if n := len(got["eventagg_http_requests_total"].GetMetric()); n != 1 {
		t.Errorf("%d series, want 1", n)
	}
	expect(t, got, 1000, "eventagg_http_requests_total", "method", "other")
}
