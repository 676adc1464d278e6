package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestStats_DoNotReadTheTopics: with a million topics, counting them took 1.4 s.
func TestStats_DoNotReadTheTopics(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	rows, err := s.readers.Query(t.Context(), "EXPLAIN "+s.queries.stats)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if text := strings.Join(plan, "\n"); err != nil || strings.Contains(text, "Seq Scan on totals") || strings.Contains(text, "topics") || !strings.Contains(text, "Seq Scan on sums") {
		t.Errorf("%v, plan:\n%s", err, text)
	}
}
