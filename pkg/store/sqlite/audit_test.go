package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/audit"
	"github.com/eventagg/eventagg/pkg/store/audit/audittest"
	"github.com/eventagg/eventagg/pkg/store/identity"
)

func openAudit(t *testing.T, path string) *Audit {
	t.Helper()
	a, err := OpenAudit(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// damages are the statements of the damages of package audittest.
func damages() map[string][]string {
	bytes, _ := identity.UUID(audittest.VictimKey().ID)
	where := fmt.Sprintf(" WHERE event_id = x'%x'", bytes)
	return map[string][]string{
		"the row of an event is removed":                      {"DELETE FROM events" + where},
		"a payload is changed":                                {"UPDATE events SET payload = '{}'" + where},
		"a source is changed":                                 {"UPDATE events SET source = 'other'" + where},
		"a timestamp is changed":                              {"UPDATE events SET occurred_at = occurred_at + 1" + where},
		"a digest is changed":                                 {"UPDATE identities SET digest = randomblob(16)" + where},
		"the counter of a topic is changed":                   {"UPDATE topics SET stored_events = stored_events + 1 WHERE topic = 'orders'", "UPDATE totals SET stored_events = stored_events + 1"},
		"the counter of duplicates is changed":                {"UPDATE topics SET duplicate_events = duplicate_events - 1 WHERE topic = 'orders'"},
		"a total is changed":                                  {"UPDATE totals SET stored_events = stored_events - 1"},
		"an identity without an event is added":               {"INSERT INTO identities SELECT topic_no, 'new', event, digest FROM identities" + where},
		"the identity of an event is removed":                 {"DELETE FROM identities" + where},
		"an event is stored a second time":                    {"INSERT INTO events SELECT last_id + 1, created_at, occurred_at, topic_no, event_id, source, payload FROM events CROSS JOIN totals" + where},
		"the key of an event is changed":                      {"UPDATE events SET event_id = 'other'" + where},
		"a topic is removed":                                  {"DELETE FROM topics WHERE topic = 'orders'"},
		"a report of duplicates without an identity is added": {"INSERT INTO duplicate_reports SELECT topic_no, 'new', 1, 0, 1, 1, '[\"s\"]', '[]' FROM topics WHERE topic = 'orders'"},
		"the order of events is changed":                      {"UPDATE event_times SET newest = oldest - 1"},
	}
}

func TestAudit(t *testing.T) {
	t.Parallel()
	const noLog, noTicks, noPartitions = "SQLite has no log of transactions", "SQLite has no ticks", "SQLite has no partitions"
	audittest.Run(t, audittest.Harness{
		Open:  func(t *testing.T) store.Store { t.Helper(); return openNew(t, Options{}) },
		Audit: func(t *testing.T, s store.Store) audit.Source { t.Helper(); return openAudit(t, pathOf(t, s)) },
		Age:   age,
		Execute: func(t *testing.T, s store.Store, statements ...string) {
			t.Helper()
			for _, statement := range statements {
				if _, err := s.(*Store).writer.ExecContext(t.Context(), statement); err != nil { //nolint:forcetypeassert // Open returns one
					t.Fatal(err)
				}
			}
		},
		Damages: damages(),
		Except: map[string]string{
			"the number of a transaction is used twice": noLog, "a row of the log is removed": noLog, "the count of a row of the log is changed": noLog,
			"a tick is removed": noTicks, "a tick ends earlier": noTicks, "a tick ends later": noTicks, "a tick begins later": noTicks,
			"a partition is detached": noPartitions, "a partition is missing in the list": noPartitions,
		},
	})
}

// TestOpenAudit_Copy audits a copy in a folder that can't be written to, and sees that no
// file is made beside it.
func TestOpenAudit_Copy(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	if _, err := s.Append(t.Context(), manyEvents(300)); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	path := filepath.Join(folder, "copy.db")
	if _, err := s.writer.ExecContext(t.Context(), "VACUUM INTO ?1", path); err != nil {
		t.Fatal(err)
	}
	a := openAudit(t, path)
	bound, err := a.Start(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	checks, err := a.Checks(bound)
	if err != nil {
		t.Fatal(err)
	}
	state := &audit.State{}
	if err := audit.Run(t.Context(), checks, state, audit.Options{}); err != nil || state.Differences() > 0 || state.Checks[0].Rows != 300 {
		t.Errorf("audit of a copy: %v, %+v", err, state)
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) != 1 {
		t.Errorf("the folder has %v, %v; want only the copy", files, err)
	}
	// A store that opens the copy meanwhile is noticed.
	other := open(t, Options{Path: path})
	if _, err := other.Append(t.Context(), manyEvents(301)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Start(t.Context()); err == nil {
		t.Error("the audit went on, although the copy was changed")
	}
}

func manyEvents(count int) []event.Event {
	events := make([]event.Event, count)
	for i := range events {
		events[i] = newEvent(fmt.Sprint("many-", i))
	}
	return events
}
