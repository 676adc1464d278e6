package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestEventLog reads the view as a person with SQL does, and as a report does.
func TestEventLog(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	events := someEvents("é", 3)
	events[1].ID, events[1].Topic = "0195f9d2-7c2e-7abc-8def-0123456789ab", "u"
	if _, err := s.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	for query, want := range map[string]string{
		`SELECT string_agg(topic || ' ' || event_id || ' ' || source || ' ' || (payload ->> 'n'), ', ' ORDER BY topic, event_id) FROM event_log`: "t é-0 test 1.10, t é-2 test 1.10, u 0195f9d2-7c2e-7abc-8def-0123456789ab test 1.10",
		`SELECT string_agg(topic || '=' || events || '@' || day, ' ' ORDER BY topic) FROM (
			SELECT topic, to_char(date_trunc('day', "timestamp" AT TIME ZONE 'UTC'), 'YYYY-MM-DD') AS day, count(*) AS events
			FROM event_log WHERE created_at > now() - interval '1 hour' GROUP BY 1, 2) AS report`: "t=2@2025-12-19 u=1@2025-12-19",
	} {
		rows, err := s.readers.Query(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := pgx.CollectExactlyOneRow(rows, pgx.RowTo[string]); err != nil || got != want {
			t.Errorf("%s\ngot  %s, %v\nwant %s", query, got, err, want)
		}
	}
}
