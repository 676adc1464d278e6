package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestQueries_UseIndexForQuietTopic reads a topic without recent events. The
// planner does not know that, and must not scan the events of other topics.
func TestQueries_UseIndexForQuietTopic(t *testing.T) {
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
		"older by ID":    {s.queries.olderByID, []any{60000, 0, 10, nil, nil, nil, "77", nil}, "events_pkey"},
		"newer by ID":    {s.queries.newerByID, []any{20000, 0, 10, nil, nil, nil, 60000, "25000", nil}, "events_pkey"},
		"older by key":   {s.queries.olderByID, []any{60000, 0, 10, nil, nil, nil, "77", "quiet"}, "events_pkey"},
		"fingerprint":    {s.queries.fingerprint, []any{20000, 0}, "events_order"},
		"stable head":    {s.queries.stableHead, []any{20000, 0}, "events_order"},
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
				t.Errorf("the plan does not use the index %s:\n%s", row.index, plan)
			}
		})
	}
}
