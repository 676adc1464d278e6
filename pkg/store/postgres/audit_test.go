package postgres

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/audit"
	"github.com/eventagg/eventagg/pkg/store/audit/audittest"
	"github.com/eventagg/eventagg/pkg/testdb"
)

func openAudit(t *testing.T, options Options) *Audit {
	t.Helper()
	a, err := OpenAudit(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

// damages are the statements of the damages of package audittest.
func damages() map[string][]string {
	where := fmt.Sprintf(` WHERE id = '\x%x'`, appendKey(nil, audittest.VictimKey().ID))
	const orders = " WHERE topic_no = (SELECT topic_no FROM topics WHERE topic = 'orders')"
	commit := " WHERE (topic_no, created_at) = (SELECT topic_no, created_at FROM identities" + where + ")"
	const middle = " WHERE tick = (SELECT max(tick) - 3 FROM ticks)"
	return map[string][]string{
		"the row of an event is removed":                      {"DELETE FROM events" + where},
		"a payload is changed":                                {"UPDATE events SET payload = '{}'" + where},
		"a source is changed":                                 {"UPDATE events SET source = 'other'" + where},
		"a timestamp is changed":                              {"UPDATE events SET occurred_at = occurred_at + interval '1 microsecond'" + where},
		"a digest is changed":                                 {"UPDATE identities SET digest = gen_random_uuid()" + where},
		"the counter of a topic is changed":                   {"UPDATE totals SET stored = stored + 1" + orders, "UPDATE sums SET stored = stored + 1"},
		"the counter of duplicates is changed":                {"UPDATE totals SET duplicates = duplicates - 1" + orders},
		"a total is changed":                                  {"UPDATE sums SET stored = stored - 1"},
		"an identity without an event is added":               {`INSERT INTO identities SELECT created_at, topic_no, place + 1, digest, '\x006e6577' FROM identities` + where},
		"the identity of an event is removed":                 {"DELETE FROM identities" + where},
		"an event is stored a second time":                    {"INSERT INTO events SELECT created_at, occurred_at, topic_no, place + 7, id, source, payload FROM events" + where},
		"the key of an event is changed":                      {`UPDATE events SET id = '\x006e6577'` + where},
		"a topic is removed":                                  {"DELETE FROM topics WHERE topic = 'orders'"},
		"a report of duplicates without an identity is added": {`INSERT INTO duplicate_reports SELECT topic_no, '\x006e6577', 1, 0, now(), clock_timestamp(), '{s}', '{}' FROM topics WHERE topic = 'orders'`},
		"the order of events is changed":                      {"UPDATE ticks SET bases[1] = bases[1] - 1" + middle},
		"the number of a transaction is used twice":           {"UPDATE commits SET n = (SELECT max(n) FROM commits AS c WHERE c.shard <> commits.shard AND c.n < commits.n AND NOT EXISTS (SELECT FROM commits AS o WHERE o.shard = commits.shard AND o.n = c.n))" + commit},
		"a row of the log is removed":                         {"DELETE FROM commits" + commit},
		"the count of a row of the log is changed":            {"UPDATE commits SET stored = stored + 1" + commit},
		"a tick is removed":                                   {"DELETE FROM ticks" + middle},
		"a tick ends earlier":                                 {"UPDATE ticks SET heads[1] = heads[1] - 1" + middle},
		"a tick ends later":                                   {"UPDATE ticks SET heads[1] = heads[1] + 1 WHERE tick = (SELECT max(tick) FROM ticks)"},
		"a tick begins later":                                 {"UPDATE ticks SET bases[1] = heads[1]" + middle},
		"a partition is detached":                             {"DO $$ BEGIN EXECUTE 'ALTER TABLE events DETACH PARTITION ' || (SELECT name FROM partitions WHERE lower <= now() AND upper > now()); END $$"},
		"a partition is missing in the list":                  {"DELETE FROM partitions WHERE lower = (SELECT max(lower) FROM partitions)"},
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	audittest.Run(t, audittest.Harness{
		Open: func(t *testing.T) store.Store {
			t.Helper()
			return open(t, Options{})
		},
		Audit: func(t *testing.T, s store.Store) audit.Source {
			t.Helper()
			return openAudit(t, Options{URL: urlOf(t, s)})
		},
		Age: age,
		Execute: func(t *testing.T, s store.Store, statements ...string) {
			t.Helper()
			conn := connectTo(t, urlOf(t, s))
			if err := s.(*Store).fold(t.Context()); err != nil { //nolint:forcetypeassert // Open returns one
				t.Fatal(err) // so that there are totals to damage
			}
			for _, statement := range statements {
				if done, err := conn.Exec(context.WithoutCancel(t.Context()), statement); err != nil || done.RowsAffected() == 0 && done.String() != "DO" {
					t.Fatalf("%s: %v, %v", statement, done, err)
				}
			}
		},
		Damages: damages(),
	})
}

// TestOpenAudit_Standby audits a hot standby, which accepts no writes.
func TestOpenAudit_Standby(t *testing.T) {
	t.Parallel()
	primary := testdb.StartPostgres(t, testdb.PostgresOptions{NoSync: true})
	if _, err := Migrate(t.Context(), Options{URL: primary.URL()}); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{URL: primary.URL()})
	if _, err := s.Append(t.Context(), someEvents("e", 300)); err != nil {
		t.Fatal(err)
	}
	standby := testdb.StartStandby(t, primary)
	a := openAudit(t, Options{URL: standby.URL()})
	bound, err := a.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checks, err := a.Checks(bound)
	if err != nil {
		t.Fatal(err)
	}
	state := &audit.State{}
	if err := audit.Run(t.Context(), checks, state, audit.Options{}); err != nil || state.Differences() != 0 || state.Checks[1].Rows != 300 {
		t.Errorf("audit of a standby: %v, %+v", err, state)
	}
}

func TestOpenAudit_RefusesADatabaseWithoutTables(t *testing.T) {
	t.Parallel()
	if _, err := OpenAudit(t.Context(), Options{URL: testdb.Postgres(t)}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error %v, want ErrUnavailable", err)
	}
}

// TestOpenAudit_Pooled audits without anything that belongs to a session.
func TestOpenAudit_Pooled(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	if _, err := s.Append(t.Context(), someEvents("e", 300)); err != nil {
		t.Fatal(err)
	}
	a := openAudit(t, Options{URL: urlOf(t, s), Pooled: true})
	bound, err := a.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checks, err := a.Checks(bound)
	if err != nil {
		t.Fatal(err)
	}
	state := &audit.State{}
	if err := audit.Run(t.Context(), checks, state, audit.Options{}); err != nil || state.Differences() != 0 || state.Checks[1].Rows != 300 {
		t.Errorf("audit behind a pooler: %v, %+v", err, state)
	}
}
