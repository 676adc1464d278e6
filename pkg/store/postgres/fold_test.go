package postgres

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/store"
)

// TestFold_KeepsTotalsExact folds while appends run and read. Each result is a
// consistent moment, and after every fold the totals are what they were.
func TestFold_KeepsTotalsExact(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	other := open(t, Options{URL: urlOf(t, s)})
	const rounds = 40
	group, ctx := errgroup.WithContext(t.Context())
	for i, instance := range []*Store{s, other} {
		group.Go(func() error {
			for round := range rounds {
				events := someEvents(fmt.Sprint("both ", round), 3) // one instance stores them, the other one repeats
				events[i].Topic = fmt.Sprint("topic ", i)
				if _, err := instance.Append(ctx, events); err != nil {
					return err
				}
				if err := instance.fold(ctx); err != nil {
					return err
				}
			}
			return nil
		})
	}
	group.Go(func() error {
		for last := (store.Stats{}); last.Received < 2*3*rounds; {
			stats, err := s.Stats(ctx)
			if err != nil {
				return err
			}
			if stats.Received != stats.Stored+stats.Duplicates || stats.Received < last.Received || stats.Stored < last.Stored {
				t.Errorf("counted %+v after %+v", stats, last)
			}
			last = stats
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	before, err := s.TopicStats(t.Context(), store.TopicQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.fold(t.Context()); err != nil {
		t.Fatal(err)
	}
	after, err := s.TopicStats(t.Context(), store.TopicQuery{})
	if err != nil || fmt.Sprint(after) != fmt.Sprint(before) {
		t.Errorf("folding changed the totals from %v to %v, %v", before, after, err)
	}
	var logged int
	if err := s.readers.QueryRow(t.Context(), "SELECT count(*) FROM repeats").Scan(&logged); err != nil || logged != 0 {
		t.Errorf("%d rows of repeats remain after folding, %v", logged, err)
	}
	var rows int
	if err := s.readers.QueryRow(t.Context(), s.queries.unfolded, 10).Scan(&rows); err != nil || rows != 0 {
		t.Errorf("%d rows are not folded, %v", rows, err)
	}
}

// TestFold_IsUndoneByACrash ends the session of a fold before its COMMIT.
func TestFold_IsUndoneByACrash(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx := t.Context()
	for range 2 {
		if _, err := s.Append(ctx, someEvents("e", 5)); err != nil {
			t.Fatal(err)
		}
	}
	folding, err := pgx.Connect(ctx, urlOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = folding.Close(context.WithoutCancel(ctx)) }()
	for _, statement := range []string{"BEGIN", s.queries.foldLock, s.queries.fold} {
		if _, err := folding.Exec(ctx, statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.fold(ctx); err != nil { // another one folds, so this does nothing and does not wait
		t.Fatal(err)
	}
	want := store.Stats{Received: 10, Stored: 5, Kept: 5, Duplicates: 5, Topics: 1}
	if stats, err := s.Stats(ctx); err != nil || stats != want {
		t.Errorf("while it folds: %+v, %v, want %+v", stats, err, want)
	}
	if _, err := s.writers.Exec(ctx, "SELECT pg_terminate_backend($1)", int32(folding.PgConn().PID())); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if stats, err := s.Stats(ctx); err != nil || stats != want {
			t.Errorf("after the crash: %+v, %v, want %+v", stats, err, want)
		}
		if err := s.fold(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMaintain_FoldsALongLog appends until the log is long and waits for the fold.
func TestMaintain_FoldsALongLog(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	if _, err := s.writers.Exec(t.Context(), `INSERT INTO topics (topic, shard) VALUES ('t', 0);
		INSERT INTO commits SELECT nextval('commit_numbers'), now(), 0, 1, 0, 1, 0, 0 FROM generate_series(1, 9000)`); err != nil {
		t.Fatal(err)
	}
	s.changed.Store(true)
	deadline := time.Now().Add(20 * time.Second)
	for rows := maxUnfolded; rows >= maxUnfolded; {
		if err := s.readers.QueryRow(t.Context(), s.queries.unfolded, maxUnfolded).Scan(&rows); err != nil || time.Now().After(deadline) {
			t.Fatalf("%d rows are not folded, %v", rows, err)
		}
	}
	if stats, err := s.Stats(t.Context()); err != nil || stats.Stored != 9000 {
		t.Errorf("counted %+v, %v", stats, err)
	}
}
