package sqlite

import (
	"math"
	"strings"
	"testing"
)

// TestQueries_LookUpIDInEachTopic checks that a read of one ID scans at most the topics,
// never the events, and sorts ids without payloads.
func TestQueries_LookUpIDInEachTopic(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	for _, name := range []string{"older_by_id", "newer_by_id"} {
		text, err := statement(name)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := s.writer.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, 1, math.MaxInt64, 10, "", math.MinInt64, math.MaxInt64, "i", "")
		plan, err := collect(rows, err, func(from row) (string, error) {
			var id, parent, unused int
			var detail string
			err := from.Scan(&id, &parent, &unused, &detail)
			return detail, err
		})
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(plan, "\n")
		if !strings.HasPrefix(all, "SEARCH events USING INTEGER PRIMARY KEY") ||
			!strings.Contains(all, "SEARCH i USING PRIMARY KEY (topic_no=? AND event_id=?)") ||
			strings.Contains(all, "SCAN e") || strings.Contains(all, "SCAN i") || strings.Count(all, "TEMP B-TREE") != 1 {
			t.Errorf("%s has the plan:\n%s\nwant look-ups of keys, and one sort of ids", name, all)
		}
	}
}
