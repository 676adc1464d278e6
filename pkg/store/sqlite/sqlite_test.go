package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/sql"
)

func newEvent(id string) event.Event {
	return event.Event{
		Topic: "topic", ID: id, Timestamp: time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC), Source: "test", Payload: `{"k":"v"}`,
	}
}

func TestQueries_AllPrepare(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	files, err := fs.Glob(sql.Files, "sqlite/queries/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d statements: %v", len(files), err)
	}
	for _, file := range files {
		text, err := statement(strings.TrimSuffix(path.Base(file), ".sql"))
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(text, ";\n") || strings.HasSuffix(text, ";") {
			t.Errorf("%s has more than one statement", file)
		}
		if _, err := s.writer.PrepareContext(t.Context(), text); err != nil { //nolint:sqlclosecheck // ends with the store
			t.Errorf("%s: %v", file, err)
		}
	}
}

// TestQueries_UseIndexes checks that no statement scans or sorts all events.
func TestQueries_UseIndexes(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	page := []any{1, math.MaxInt64, 10, ""}
	bounds := slices.Concat(page, []any{math.MinInt64, math.MaxInt64})
	for name, test := range map[string]struct {
		arguments []any
		index     string
	}{
		"older":                  {page, "INTEGER PRIMARY KEY"},
		"newer":                  {page, "INTEGER PRIMARY KEY"},
		"older_of_topic":         {append(page[:4:4], "t"), "events_topic"},
		"newer_of_topic":         {append(page[:4:4], "t"), "events_topic"},
		"older_between":          {bounds, "SEARCH events USING INTEGER PRIMARY KEY"},
		"newer_between":          {bounds, "SEARCH events USING INTEGER PRIMARY KEY"},
		"older_of_topic_between": {append(bounds[:6:6], "t"), "events_topic"},
		"newer_of_topic_between": {append(bounds[:6:6], "t"), "events_topic"},
		"event":                  {[]any{"t", "i"}, "SEARCH identities USING PRIMARY KEY (topic_no=? AND event_id=?)"},
		"find_identities":        {[]any{0, 1, "i"}, "SEARCH identities USING PRIMARY KEY (topic_no=? AND event_id=?)"},
		"find_topics":            {[]any{0, "t"}, "SEARCH topics USING COVERING INDEX sqlite_autoindex_topics_1 (topic=?)"},
		"last_id":                {[]any{5}, "SEARCH events"},
	} {
		text, err := statement(name)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := s.writer.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, test.arguments...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		plan, err := collect(rows, err, func(from row) (string, error) {
			var id, parent, unused int
			var detail string
			err := from.Scan(&id, &parent, &unused, &detail)
			return detail, err
		})
		if err != nil {
			t.Fatal(err)
		}
		all := strings.NewReplacer("SCAN CONSTANT ROW", "", "SCAN wanted", "", "SCAN totals", "" /* one row */).Replace(strings.Join(plan, "\n"))
		if !strings.Contains(all, test.index) || strings.Contains(all, "SCAN") || strings.Contains(all, "TEMP B-TREE") {
			t.Errorf("%s has the plan:\n%s\nwant %s without a scan or a sort", name, all, test.index)
		}
	}
}

// TestAppend_WrongClockChangesOnlyItsEvents sets the clock to 2099 for one event.
// The others keep their times, and bounds on the time stay exact.
func TestAppend_WrongClockChangesOnlyItsEvents(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := newTestClock(noon)
	s := openNew(t, Options{Now: clock.now})
	wrong := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	times := []time.Time{noon, noon.Add(time.Second), wrong, noon.Add(-time.Hour), noon.Add(time.Minute)}
	const size = 1500 // each event of the list is followed by others, so that there are several blocks of ids
	for i, at := range times {
		clock.set(at)
		batch := make([]event.Event, size)
		for n := range batch {
			batch[n] = newEvent(fmt.Sprintf("%d/%d", i, n))
			batch[n].Topic = fmt.Sprint(n % 2)
		}
		if _, err := s.Append(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	bounds := append(slices.Clone(times), time.Time{}, noon.Add(30*time.Second), noon.Add(-time.Minute))
	for _, since := range bounds {
		for _, until := range bounds {
			for _, topic := range []string{"", "1"} {
				filter := store.Filter{Topic: topic, Since: since, Until: until}
				want := 0
				for _, at := range times {
					if (since.IsZero() || !at.Before(since)) && (until.IsZero() || at.Before(until)) {
						want += size
					}
				}
				if topic != "" {
					want /= 2
				}
				checkReadBothWays(t, s, filter, want)
			}
		}
	}
}

// checkReadBothWays reads all pages in both directions, and checks the number of
// events, their order and their times.
func checkReadBothWays(t *testing.T, s *Store, filter store.Filter, want int) {
	t.Helper()
	var newer, older []store.Record
	for after := (store.Position{}); ; {
		page, next, err := s.Newer(t.Context(), filter, after, 1000)
		if err != nil {
			t.Fatal(err)
		}
		newer = append(newer, page...)
		if next == after {
			break
		}
		after = next
	}
	for before, more := (store.Position{}), true; more; {
		page, rest, err := s.Older(t.Context(), filter, before, 1000)
		if err != nil {
			t.Fatal(err)
		}
		older, more = append(older, page...), rest
		if more {
			before = page[len(page)-1].Position
		}
	}
	slices.Reverse(older)
	if len(newer) != want || !slices.Equal(newer, older) {
		t.Fatalf("%+v: newer finds %d and older %d events, want %d and the same", filter, len(newer), len(older), want)
	}
	for i, record := range newer {
		if i > 0 && record.Position.Compare(newer[i-1].Position) <= 0 {
			t.Fatalf("%+v: position %v follows %v", filter, record.Position, newer[i-1].Position)
		}
		if !filter.Since.IsZero() && record.CreatedAt.Before(filter.Since) || !filter.Until.IsZero() && !record.CreatedAt.Before(filter.Until) {
			t.Fatalf("%+v finds an event of %v", filter, record.CreatedAt)
		}
	}
}

func TestOlder_FindsEventWithTimeChangedByHand(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	if _, err := s.Append(t.Context(), []event.Event{newEvent("1"), newEvent("2")}); err != nil {
		t.Fatal(err)
	}
	wrong := time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC)
	if _, err := s.writer.ExecContext(t.Context(), "UPDATE events SET created_at = ?1 WHERE event_id = '2'", wrong.UnixMicro()); err != nil {
		t.Fatal(err)
	}
	records, _, err := s.Older(t.Context(), store.Filter{Since: wrong}, store.Position{}, 10)
	if err != nil || len(records) != 1 {
		t.Errorf("found %d events since 2099 (%v), want 1", len(records), err)
	}
}

func TestOlder_BoundsBetweenMicroseconds(t *testing.T) {
	t.Parallel()
	created := time.Date(1960, 1, 2, 12, 0, 0, 5000, time.UTC) // before 1970: negative numbers
	s := openNew(t, Options{Now: func() time.Time { return created }})
	if _, err := s.Append(t.Context(), []event.Event{newEvent("1")}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		filter store.Filter
		want   int
	}{
		{store.Filter{Since: created}, 1},
		{store.Filter{Since: created.Add(1)}, 0},
		{store.Filter{Since: created.Add(-1)}, 1},
		{store.Filter{Until: created}, 0},
		{store.Filter{Until: created.Add(1)}, 1},
		{store.Filter{Until: created.Add(-1)}, 0},
	} {
		records, _, err := s.Older(t.Context(), test.filter, store.Position{}, 10)
		if err != nil || len(records) != test.want {
			t.Errorf("%+v finds %d events (%v), want %d", test.filter, len(records), err, test.want)
		}
	}
}

func TestPositions_SelectRows(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name        string
		position    store.Position
		from, after int64
	}{
		{"a stable head lies before its row", store.Position{Commit: 7}, 7, 7},
		{"an event's position is its row", store.Position{Commit: 7, Seq: 1}, 7, 8},
		{"a position within a commit lies after its row", store.Position{Commit: 7, Seq: 2}, 8, 8},
		{"the beginning lies before all rows", store.Position{}, 0, 0},
		{"the end does not overflow", store.Position{Commit: math.MaxInt64, Seq: 9}, math.MaxInt64, math.MaxInt64},
	} {
		if from, after := firstFrom(test.position), firstAfter(test.position); from != test.from || after != test.after {
			t.Errorf("%s: got %d and %d, want %d and %d", test.name, from, after, test.from, test.after)
		}
	}
}

func TestAppend_FailsAfterFileWasRemoved(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	if err := os.Remove(s.path); err != nil {
		t.Fatal(err)
	}
	_, err := s.Append(t.Context(), []event.Event{newEvent("1")})
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "was removed") {
		t.Errorf("append without a file: %v, want ErrUnavailable", err)
	}
	write(t, s.path, "")
	if _, err = s.Append(t.Context(), []event.Event{newEvent("1")}); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "replaced") {
		t.Errorf("append with another file in its place: %v, want ErrUnavailable", err)
	}
}

func TestAppend_FullDiskStoresNothing(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	// A limit on the file's pages has the same error as a full disk.
	var pages int
	if err := s.writer.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages+20)); err != nil {
		t.Fatal(err)
	}
	batch := make([]event.Event, 50)
	for i := range batch {
		batch[i] = newEvent(fmt.Sprint(i))
		batch[i].Payload = `{"long":"` + strings.Repeat("x", 8000) + `"}`
	}
	_, err := s.Append(t.Context(), batch)
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "disk is full") {
		t.Errorf("append: %v, want ErrUnavailable and the full disk", err)
	}
	if stats, err := s.Stats(t.Context()); err != nil || stats != (store.Stats{}) {
		t.Errorf("counted %+v (%v) after a failed batch, want nothing", stats, err)
	}
	if outcomes, err := s.Append(t.Context(), batch[:1]); err != nil || outcomes[0] != event.Stored {
		t.Errorf("append of an event that fits: %v, %v, want it stored", outcomes, err)
	}
}

// TestPing_FailsWhileDiskIsFull checks that Ping does not report a store as usable
// that has no room for events.
func TestPing_FailsWhileDiskIsFull(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	limit := func(spare int) {
		t.Helper()
		var pages int
		if err := s.writer.QueryRowContext(t.Context(), "PRAGMA page_count").Scan(&pages); err != nil {
			t.Fatal(err)
		}
		if _, err := s.writer.ExecContext(t.Context(), fmt.Sprintf("PRAGMA max_page_count = %d", pages+spare)); err != nil {
			t.Fatal(err)
		}
	}
	limit(0)
	large := newEvent("1")
	large.Payload = `{"long":"` + strings.Repeat("x", 100_000) + `"}`
	if _, err := s.Append(t.Context(), []event.Event{large}); !errors.Is(err, store.ErrUnavailable) {
		t.Fatalf("append: %v, want ErrUnavailable", err)
	}
	for range 2 {
		if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "disk is full") {
			t.Errorf("ping: %v, want ErrUnavailable and the full disk", err)
		}
	}
	limit(1000)
	if err := s.Ping(t.Context()); err != nil {
		t.Errorf("ping with free space: %v", err)
	}
	var left int
	if err := s.writer.QueryRowContext(t.Context(), "SELECT count(*) FROM deliveries").Scan(&left); err != nil || left != 0 {
		t.Errorf("the probe left %d rows (%v), want none", left, err)
	}
}

func TestAppend_RejectsRefusedEvent(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	poison := refusePoison(t, s)
	if _, err := s.Append(t.Context(), []event.Event{newEvent("1"), poison}); !errors.Is(err, store.ErrRejected) {
		t.Errorf("append: %v, want ErrRejected", err)
	}
	if stats, err := s.Stats(t.Context()); err != nil || stats.Received != 0 {
		t.Errorf("counted %+v (%v), want nothing of the whole batch", stats, err)
	}
}

func TestAppend_FailedCommitIsError(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	for _, text := range []string{ // an invalid reference, which COMMIT checks
		"PRAGMA foreign_keys = 1",
		"CREATE TABLE parent (id INTEGER PRIMARY KEY)",
		"CREATE TABLE child (id INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED)",
		"CREATE TRIGGER refuse AFTER INSERT ON events WHEN new.event_id = 'poison' BEGIN INSERT INTO child VALUES (1); END",
	} {
		if _, err := s.writer.ExecContext(t.Context(), text); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
	}
	outcomes, err := s.Append(t.Context(), []event.Event{newEvent("1"), newEvent("poison")})
	if !errors.Is(err, store.ErrRejected) || outcomes != nil {
		t.Errorf("append: %v, %v, want ErrRejected", outcomes, err)
	}
	d := store.Delivery{ID: store.DeliveryID{1}, Events: []event.Event{newEvent("1"), newEvent("poison")}}
	if received, err := s.Receive(t.Context(), []store.Delivery{d}); !errors.Is(err, store.ErrRejected) || received != (store.Received{}) {
		t.Errorf("receive: %+v, %v, want ErrRejected", received, err)
	}
	if outcomes, err = s.Append(t.Context(), []event.Event{newEvent("1")}); err != nil || outcomes[0] != event.Stored {
		t.Errorf("append of the other event: %v, %v, want it stored only now", outcomes, err)
	}
}

func TestClose_LeavesOneFile(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	if _, err := s.Append(t.Context(), []event.Event{newEvent("1")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if _, err := os.Stat(s.path + suffix); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("after close there is a file with %s (%v), want only the database file", suffix, err)
		}
	}
}
