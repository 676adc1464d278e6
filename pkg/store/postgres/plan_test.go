package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestPlansOfTopics asks for a topic that has been quiet for long, which the
// planner can't know: it must not walk over the events of the others.
func TestPlansOfTopics(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	_, err := s.writers.Exec(t.Context(), `
		INSERT INTO events (xid, seq, occurred_at, topic, event_id, source, payload)
		SELECT (n + 1)::text::xid8, 1, now(), CASE WHEN n <= 5000 THEN 'quiet' ELSE 'busy-' || n % 9 END, n::text, 's', '{}'
		FROM generate_series(1, 50000) AS n`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.writers.Exec(t.Context(), "VACUUM ANALYZE events"); err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]struct {
		query     string
		arguments []any
		index     string
	}{
		"older":          {s.queries.older, []any{60000, 0, 10, nil, nil, nil}, "events_order"},
		"older of topic": {s.queries.olderOfTopic, []any{60000, 0, 10, nil, nil, nil, "quiet"}, "events_topic_order"},
		"newer":          {s.queries.newer, []any{20000, 0, 10, nil, nil, nil, 60000}, "events_order"},
		"mark":           {s.queries.mark, []any{20000, 0}, "events_order"},
		"settled":        {s.queries.settled, []any{20000, 0}, "events_order"},
		"newer of topic": {s.queries.newerOfTopic, []any{20000, 0, 10, nil, nil, nil, 60000, "quiet"}, "events_topic_order"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rows, err := s.readers.Query(t.Context(), "EXPLAIN (ANALYZE, BUFFERS, COSTS off) "+row.query, row.arguments...)
			if err != nil {
				t.Fatal(err)
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				t.Fatal(err)
			}
			plan := strings.Join(lines, "\n")
			if !strings.Contains(plan, " using "+row.index+" ") || strings.Contains(plan, "Seq Scan") || strings.Contains(plan, "Filter: (topic") {
				t.Errorf("not by the index %s:\n%s", row.index, plan)
			}
		})
	}
}
