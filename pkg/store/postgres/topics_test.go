package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/event"
)

// TestTopics_OfAnOlderVersionAreCounted migrates a database whose topics are spread
// over shards.
func TestTopics_OfAnOlderVersionAreCounted(t *testing.T) {
	t.Parallel()
	address := newDatabase(t)
	execAt(t, address, "DROP FUNCTION count_topic CASCADE", "ALTER TABLE audit_stats DROP topics", "DELETE FROM eventagg_migrations WHERE version_id > 2",
		"INSERT INTO audit_stats VALUES (1, 30, 2)",
		"INSERT INTO topic_stats SELECT 'topic ' || n / 2, n % 2, 1, 0, now(), now() FROM generate_series(0, 19) AS n")
	if applied, err := Migrate(t.Context(), Options{URL: address}); err != nil || applied != 1 {
		t.Fatalf("%d steps, %v", applied, err)
	}
	s := open(t, Options{URL: address})
	check := func(want int64) {
		t.Helper()
		if stats, err := s.Stats(t.Context()); err != nil || stats.Topics != want {
			t.Errorf("%d topics, %v, want %d", stats.Topics, err, want)
		}
	}
	check(10)
	for _, topic := range []string{"topic 3", "topic 11"} {
		e := event.Event{Topic: topic, ID: "1", Timestamp: time.Unix(0, 0).UTC(), Source: "test", Payload: "{}"}
		if _, err := s.Append(t.Context(), []event.Event{e}); err != nil {
			t.Fatal(err)
		}
	}
	check(11)
}

// TestStats_DoNotReadTheTopics: with a million topics, counting them took 1.4 s.
func TestStats_DoNotReadTheTopics(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	rows, err := s.readers.Query(t.Context(), "EXPLAIN "+s.queries.stats)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if text := strings.Join(plan, "\n"); err != nil || strings.Contains(text, "topic_stats") || !strings.Contains(text, "audit_stats") {
		t.Errorf("%v, plan:\n%s", err, text)
	}
}
