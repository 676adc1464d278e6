package postgres

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

// TestOlder_EndsInTheDatabase: the time of a read by source grows with the table. When
// the time of the request is over, the database must not go on with it.
func TestOlder_EndsInTheDatabase(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	events := someEvents("e", 3)
	if _, err := s.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	// A source that is compared slowly stands for a table that is scanned for long.
	s.queries.eventsBefore = strings.Replace(s.queries.eventsBefore, "source = $8", "pg_sleep(30) IS NOT NULL", 1)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, _, err := s.Older(ctx, store.Filter{Source: "none"}, store.Position{}, 10); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
	suitetest.Eventually(t, "the database ends the read", func() bool {
		var running int
		err := s.writers.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()`).Scan(&running)
		return err == nil && running == 0
	})
}
