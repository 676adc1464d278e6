package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// mustRetain drops what was created before a moment.
func mustRetain(t *testing.T, s *Store, before time.Time) (sum store.Retained) {
	t.Helper()
	for step := (store.Retained{More: true}); step.More; {
		var err error
		if step, err = s.Retain(t.Context(), store.Retention{DataBefore: before}); err != nil {
			t.Fatal(err)
		}
		sum.Events += step.Events
		sum.LogRows += step.LogRows
		sum.Blocked = sum.Blocked || step.Blocked
	}
	return sum
}

// checkKept compares the counters with the rows.
func checkKept(t *testing.T, s *Store, stored, kept int64) {
	t.Helper()
	stats, err := s.Stats(t.Context())
	if err != nil || stats.Stored != stored || stats.Kept != kept {
		t.Errorf("counted %+v, %v, want %d stored and %d kept", stats, err, stored, kept)
	}
	records, _, err := s.Older(t.Context(), store.Filter{}, store.Position{}, 1000)
	if err != nil || int64(len(records)) != kept {
		t.Errorf("read %d events, %v, want %d", len(records), err, kept)
	}
}

// TestRetain_IsUndoneByACrash ends the session of each step before its COMMIT. The next
// attempt does it completely.
func TestRetain_IsUndoneByACrash(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx := t.Context()
	if _, err := s.Append(ctx, someEvents("old", 30)); err != nil {
		t.Fatal(err)
	}
	before := endPartition(t, urlOf(t, s))
	if _, err := s.StableHead(ctx); err != nil { // ends the tick
		t.Fatal(err)
	}
	if _, err := s.Append(ctx, someEvents("new", 4)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.StableHead(ctx); err != nil {
		t.Fatal(err)
	}
	if err := s.fold(ctx); err != nil {
		t.Fatal(err)
	}
	crash := func(statement string, arguments ...any) {
		t.Helper()
		conn, err := pgx.Connect(ctx, urlOf(t, s))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
		if _, err := conn.Exec(ctx, "BEGIN"); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(ctx, statement, arguments...); err != nil {
			t.Fatal(err)
		}
		if statement == s.queries.dropPartition { // another instance is at work
			if busy, err := s.Retain(ctx, store.Retention{DataBefore: before}); err != nil || busy.Events+busy.LogRows > 0 {
				t.Errorf("beside a step: %+v, %v", busy, err)
			}
		}
		if _, err := s.writers.Exec(ctx, "SELECT pg_terminate_backend($1, 5000)", int32(conn.PgConn().PID())); err != nil {
			t.Fatal(err)
		}
	}
	crash(s.queries.dropPartition, before)
	checkKept(t, s, 34, 34)
	step, err := s.Retain(ctx, store.Retention{DataBefore: before})
	if err != nil || step.Events != 30 {
		t.Fatalf("dropped %+v, %v", step, err)
	}
	checkKept(t, s, 34, 4)
	crash(s.queries.dropDetached)
	crash(s.queries.dropLog, 1000)
	checkKept(t, s, 34, 4)
	if sum := mustRetain(t, s, before); sum.Events != 0 || sum.LogRows == 0 {
		t.Errorf("after the crashes: %+v", sum)
	}
	checkKept(t, s, 34, 4)
	var tables, commits int
	row := s.readers.QueryRow(ctx, `SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE 'events\_2%' AND relkind = 'r'
		AND relname NOT IN (SELECT name FROM partitions)), (SELECT count(*) FROM commits)`)
	if err := row.Scan(&tables, &commits); err != nil || tables != 0 || commits != 1 {
		t.Errorf("%d tables of dropped partitions and %d rows of the log are left, %v", tables, commits, err)
	}
}

// TestRetain_WaitsForNoReport holds the lock of a report. Retention gives up, appends
// go on, and it succeeds when the report has ended.
func TestRetain_WaitsForNoReport(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx := t.Context()
	if _, err := s.Append(ctx, someEvents("old", 30)); err != nil {
		t.Fatal(err)
	}
	before := endPartition(t, urlOf(t, s))
	report := connectTo(t, urlOf(t, s))
	if _, err := report.Exec(ctx, "BEGIN; SELECT count(*) FROM event_log"); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if sum := mustRetain(t, s, before); !sum.Blocked || sum.Events != 0 {
			t.Errorf("beside the report: %+v", sum)
		}
		if outcomes, err := s.Append(ctx, someEvents("old", 1)); err != nil || outcomes[0] != event.Duplicate {
			t.Errorf("append beside the report: %v, %v", outcomes, err)
		}
	}
	checkKept(t, s, 30, 30)
	if _, err := report.Exec(ctx, "COMMIT"); err != nil {
		t.Fatal(err)
	}
	if sum := mustRetain(t, s, before); sum.Events != 30 {
		t.Errorf("after the report: %+v", sum)
	}
	checkKept(t, s, 30, 0)
}

// TestOpen_MakesShorterPartitions opens a new database with a short maximum age. The
// long partitions of the migration have no events, so short ones replace them.
func TestOpen_MakesShorterPartitions(t *testing.T) {
	t.Parallel()
	s := open(t, Options{PartitionWidth: time.Hour})
	var longest time.Duration
	var partitions int
	read := func() {
		t.Helper()
		if err := s.readers.QueryRow(t.Context(), "SELECT count(*), max(upper - lower) FROM partitions").Scan(&partitions, &longest); err != nil {
			t.Fatal(err)
		}
	}
	read()
	if longest != time.Hour || partitions != 1+partitionsAhead {
		t.Errorf("%d partitions, the longest has %v", partitions, longest)
	}
	if _, err := s.Append(t.Context(), someEvents("e", 3)); err != nil {
		t.Fatal(err)
	}
	s.partitionWidth = 30 * time.Minute
	if err := s.makePartitions(t.Context()); err != nil {
		t.Fatal(err)
	}
	read()
	if longest != time.Hour { // the present one has events and stays
		t.Errorf("the longest partition has %v", longest)
	}
	if outcomes, err := s.Append(t.Context(), someEvents("e", 3)); err != nil || outcomes[0] != event.Duplicate {
		t.Errorf("append: %v, %v", outcomes, err)
	}
	checkKept(t, s, 3, 3)
}

// TestRetain_ReportsAMissingRight uses a role without the right to drop.
func TestRetain_ReportsAMissingRight(t *testing.T) {
	t.Parallel()
	address, owner, role := asRole(t)
	execAt(t, owner, "REVOKE EXECUTE ON FUNCTION drop_log(bigint) FROM "+role)
	s := open(t, Options{URL: address})
	if _, err := s.Retain(t.Context(), store.Retention{DataBefore: time.Now()}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Append(t.Context(), someEvents("e", 3)); err != nil {
		t.Errorf("append: %v", err)
	}
}
