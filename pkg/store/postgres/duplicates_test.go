package postgres

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/duplicates"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/storetest"
	"github.com/eventagg/eventagg/pkg/suitetest"
)

func TestDuplicates_HaveLimits(t *testing.T) {
	t.Parallel()
	storetest.CheckReportLimits(t, func(t *testing.T, perTopic, total int) store.Store {
		t.Helper()
		return open(t, Options{Duplicates: duplicates.Options{PerTopic: perTopic, Total: total}})
	})
}

// TestDuplicates_OfTwoInstancesAddUp has two instances repeat the same keys in opposite
// orders at once. They must not wait for each other's rows in opposite orders.
func TestDuplicates_OfTwoInstancesAddUp(t *testing.T) {
	t.Parallel()
	first := open(t, Options{})
	second := open(t, Options{URL: urlOf(t, first)})
	events := someEvents("t", 400)
	if _, err := first.Append(t.Context(), events); err != nil {
		t.Fatal(err)
	}
	const rounds = 5
	var group errgroup.Group
	for _, instance := range []*Store{first, second} {
		group.Go(func() error {
			for range rounds {
				if _, err := instance.Append(t.Context(), events); err != nil {
					return err
				}
				if err := instance.reports.Flush(t.Context()); err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	suitetest.Eventually(t, "the reports of both instances add up", func() bool {
		var sum int64
		for _, instance := range []*Store{first, second} {
			reports, err := instance.Duplicates(t.Context(), store.DuplicateQuery{})
			if err != nil {
				t.Fatal(err)
			}
			sum = 0
			for _, r := range reports {
				sum += r.Repeats
			}
		}
		return sum == 2*rounds*int64(len(events))
	})
}

// TestDuplicates_UseAnIndex: listing the newest reports must not sort all of them, and
// conflicts among many others must be found without reading those.
func TestDuplicates_UseAnIndex(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	conn := connectTo(t, urlOf(t, s))
	for _, statement := range []string{
		"INSERT INTO topics (shard, topic) SELECT 0, 'topic ' || i FROM generate_series(1, 100) AS i",
		`INSERT INTO duplicate_reports SELECT topic_no, decode(lpad(to_hex(i), 8, '0'), 'hex'), 1, 0, now(), now() - i * interval '1 second', '{web-1}', '{}'
			FROM topics, generate_series(1, 100) AS i`,
		"ANALYZE topics, duplicate_reports",
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for conflicts, index := range map[bool]string{false: "duplicate_reports_newest", true: "duplicate_reports_conflicts"} {
		rows, err := conn.Query(t.Context(), "EXPLAIN "+s.queries.duplicates, nil, conflicts, nil, "", []byte{0}, 10)
		if err != nil {
			t.Fatal(err)
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if plan := strings.Join(lines, "\n"); err != nil || !strings.Contains(plan, index) {
			t.Errorf("%v, the plan is\n%s", err, plan)
		}
	}
}
