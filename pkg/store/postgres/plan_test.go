package postgres

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// fillPlans stores 50,000 events in 5,000 transactions and 500 ticks. The topic quiet
// has the first 500 transactions and none of the others.
const fillPlans = `
	INSERT INTO topics (topic, shard) SELECT CASE n WHEN 1 THEN 'quiet' ELSE 'busy-' || n END, n - 1 FROM generate_series(1, 3) AS n;
	INSERT INTO commits (n, created_at, after_tick, topic_no, base, stored, duplicates, shard)
	SELECT n, t, (n - 1) / 10, topic, 0, 10, 0, topic - 1
	FROM (SELECT n, now() - (5000 - n) * interval '1 minute' AS t, CASE WHEN n <= 500 THEN 1 ELSE 2 + n % 2 END AS topic FROM generate_series(1, 5000) AS n) AS c;
	INSERT INTO ticks (tick, fingerprint, oldest, newest, shards, bases, heads)
	SELECT 1 + (n - 1) / 10, 7, min(created_at), max(created_at), '{0,1,2}',
		ARRAY[least(min(n) - 1, 500), greatest(min(n) - 1, 500), greatest(min(n) - 1, 500)],
		ARRAY[least(max(n), 500), greatest(max(n), 500), greatest(max(n), 500)]
	FROM commits GROUP BY 1;
	INSERT INTO events (created_at, occurred_at, topic_no, place, id, source, payload)
	SELECT created_at, now(), topic_no, place, convert_to(n || '/' || place, 'UTF8'), 's', '{}' FROM commits CROSS JOIN generate_series(1, 10) AS place;
	INSERT INTO identities (created_at, topic_no, place, digest, id) SELECT created_at, topic_no, place, '00000000-0000-0000-0000-000000000000', '\x00'::bytea || id FROM events;
	SELECT setval('commit_numbers', 5000)`

// fullScan is a line of a plan that reads a table that grows.
var fullScan = regexp.MustCompile(`Seq Scan on (commits|ticks|identities|events)`)

// TestQueries_UseIndexes reads near the end of a table and a topic without recent
// events. No statement may read all rows of a table.
func TestQueries_UseIndexes(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	if _, err := s.writers.Exec(t.Context(), "SELECT make_partition(now() - n * interval '1 day', '1 day') FROM generate_series(0, 4) AS n"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.writers.Exec(t.Context(), fillPlans, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	if _, err := s.writers.Exec(t.Context(), "VACUUM ANALYZE"); err != nil {
		t.Fatal(err)
	}
	var at time.Time
	if err := s.readers.QueryRow(t.Context(), "SELECT created_at FROM commits WHERE n = 4000").Scan(&at); err != nil {
		t.Fatal(err)
	}
	const most = "9223372036854775807"
	for name, row := range map[string]struct {
		query     string
		arguments []any
		indexes   string
	}{
		"commits before":          {s.queries.commitsBefore, []any{0, most, 500, 11, nil, nil}, "ticks_pkey commits_pkey"},
		"commits after":           {s.queries.commitsAfter, []any{300, 0, 500, 11, nil, nil}, "ticks_pkey commits_pkey"},
		"commits of topic before": {s.queries.commitsOfTopicBefore, []any{500, most, 500, 11, nil, nil, "quiet"}, "ticks_pkey commits_topic"},
		"commits of topic after":  {s.queries.commitsOfTopicAfter, []any{20, 0, 500, 11, nil, nil, "quiet"}, "ticks_pkey commits_topic"},
		"commit of event":         {s.queries.commitOfEvent, []any{"busy-2", []byte("\x004000/1")}, "identities_pkey"},
		"events": {s.queries.eventsAfter, []any{[]int32{0}, []int32{2}, []time.Time{at}, []int32{1}, []int32{placeMask}, at, at, nil, 11},
			"events_"},
		"event":        {s.queries.event, []any{2, at, 1}, "_pkey"},
		"older by ID":  {s.queries.olderByID, []any{[]byte("\x0077/3"), nil, 500, most, 0, 500, nil, nil, nil, 11}, "identities_pkey commits ticks_pkey events"},
		"newer by ID":  {s.queries.newerByID, []any{[]byte("\x0077/3"), nil, 0, 0, 0, 500, nil, nil, nil, 11}, "identities_pkey commits ticks_pkey events"},
		"older by key": {s.queries.olderByID, []any{[]byte("\x0077/3"), "quiet", 500, most, 0, 500, nil, nil, nil, 11}, "identities_pkey"},
		"last tick":    {s.queries.lastTick, nil, "ticks_pkey commits_pkey"},
		"unfolded":     {s.queries.unfolded, []any{100}, "commits_pkey"},
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
			for index := range strings.FieldsSeq(row.indexes) {
				if !strings.Contains(plan, index) {
					t.Errorf("the plan does not use the index %s:\n%s", index, plan)
				}
			}
			for _, line := range lines {
				if fullScan.MatchString(line) && !strings.Contains(line, "never executed") { // a pruned partition
					t.Errorf("the plan reads all of a table: %s\n%s", line, plan)
				}
			}
		})
	}
}
