package postgres

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// TestReceive_OverridesUnsafeDefaults records the settings inside the transaction
// of Receive. The defaults of the database would break exactly-once.
func TestReceive_OverridesUnsafeDefaults(t *testing.T) {
	t.Parallel()
	address := newDatabase(t)
	setup := open(t, Options{URL: address})
	_, err := setup.writers.Exec(t.Context(), `
		CREATE TABLE seen (table_name text, commit_level text, isolation text);
		CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			INSERT INTO seen VALUES (TG_TABLE_NAME, current_setting('synchronous_commit'), current_setting('transaction_isolation'));
			RETURN NULL;
		END $$;
		CREATE TRIGGER look AFTER INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION look();
		CREATE TRIGGER look AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION look();
		DO $$ BEGIN
			EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database());
			EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = serializable', current_database());
		END $$`)
	if err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{URL: address})
	d := store.Delivery{ID: store.DeliveryID{1}, Events: someEvents("e", 1)}
	if _, err := s.Receive(t.Context(), []store.Delivery{d}); err != nil {
		t.Fatal(err)
	}
	var safe, all int
	err = s.readers.QueryRow(t.Context(), `
		SELECT count(*) FILTER (WHERE commit_level = 'on' AND isolation = 'read committed'), count(*) FROM seen`).Scan(&safe, &all)
	if err != nil || safe != 2 || all != 2 {
		t.Errorf("%d of %d rows were written with safe settings (%v), want 2 of 2", safe, all, err)
	}
}

// TestReceive_RetriesAfterDeadlock has another transaction that locks keys in the
// opposite order. The database aborts the receive. The rollback also removes the
// delivery, so that the next attempt finds it new.
func TestReceive_RetriesAfterDeadlock(t *testing.T) {
	t.Parallel()
	s := open(t, Options{Writers: 1})
	ctx := t.Context()
	other, err := pgx.Connect(ctx, urlOf(t, s))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close(context.WithoutCancel(ctx)) }()
	if _, err := s.Append(ctx, someEvents("before", 1)); err != nil { // the topic is in the dictionary
		t.Fatal(err)
	}
	const insert = `INSERT INTO identities (created_at, topic_no, place, digest, id)
		SELECT now(), topic_no, 1, '00000000-0000-0000-0000-000000000000', '\x00'::bytea || convert_to($1, 'UTF8') FROM topics`
	tx, err := other.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	// The transaction with the shorter deadlock_timeout is aborted.
	if _, err := tx.Exec(ctx, "SET LOCAL deadlock_timeout = '1min'"); err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec(ctx, insert, "e-2"); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	var received store.Received
	go func() {
		d := store.Delivery{ID: store.DeliveryID{1}, Events: someEvents("e", 4)}
		var err error
		received, err = s.Receive(context.WithoutCancel(ctx), []store.Delivery{d})
		done <- err
	}()
	waitForLock(t, s)
	if _, err := tx.Exec(ctx, insert, "e-1"); err != nil {
		t.Fatalf("the other transaction was aborted: %v", err)
	}
	if err := tx.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil || received != (store.Received{Stored: 2, Duplicates: 2}) {
		t.Errorf("received %+v, %v, want 2 stored and 2 duplicates", received, err)
	}
	if stats, err := s.Stats(ctx); err != nil || stats.Received != 5 || stats.Duplicates != 2 {
		t.Errorf("counted %+v, %v, want only the committed attempt", stats, err)
	}
}

// waitForLock waits until a session in the store's database waits for a lock.
func waitForLock(t *testing.T, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for waiting := 0; waiting == 0; {
		err := s.readers.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		if err != nil {
			t.Fatalf("no session waits for a lock: %v", err)
		}
	}
}

// TestForget_DoesNotWaitForReceivers forgets deliveries during the transaction of
// another receive. A later receive of the forgotten delivery does not wait, either.
func TestForget_DoesNotWaitForReceivers(t *testing.T) {
	t.Parallel()
	s := open(t, Options{Writers: 3})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	first := store.Delivery{ID: store.DeliveryID{1}, Events: someEvents("done", 1)}
	if _, err := s.Receive(ctx, []store.Delivery{first}); err != nil {
		t.Fatal(err)
	}
	other, err := s.writers.Begin(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := other.Exec(ctx, s.queries.remember, [][16]byte{{1}, {2}}, []time.Time{{}, {}}); err != nil {
		t.Fatal(err)
	}
	if count, err := s.Forget(ctx, time.Unix(0, 0)); err != nil || count != 1 {
		t.Errorf("forgot %d, %v, want only the committed delivery", count, err)
	}
	if err := other.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	known, err := s.Known(ctx, []store.DeliveryID{{1}, {2}})
	if err != nil || known[0] || !known[1] {
		t.Errorf("known %v, %v, want only the later delivery", known, err)
	}
	received, err := s.Receive(ctx, []store.Delivery{first})
	if err != nil || received != (store.Received{Duplicates: 1}) {
		t.Errorf("received %+v, %v, want the forgotten delivery to be new", received, err)
	}
	if outcomes, err := s.Append(ctx, first.Events); err != nil || outcomes[0] != event.Duplicate {
		t.Errorf("append: %v, %v", outcomes, err)
	}
}

// TestReceive_LocksInSameOrderAsAppend receives and appends the same deliveries in
// opposite orders. Deadlock detection is off: it would abort a transaction, and the
// retry would hide that.
func TestReceive_LocksInSameOrderAsAppend(t *testing.T) {
	t.Parallel()
	address := newDatabase(t)
	execAt(t, address, `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''1h''', current_database());
	END $$`)
	s := open(t, Options{URL: address, Writers: 6})
	timeout, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	group, ctx := errgroup.WithContext(timeout)
	for worker := range 6 {
		group.Go(func() error {
			for round := range 25 {
				deliveries := make([]store.Delivery, 40)
				for i := range deliveries {
					deliveries[i].ID = store.DeliveryID{byte(round), byte(i)}
					deliveries[i].Events = someEvents(fmt.Sprint(round, i), 2)
				}
				if worker%2 == 1 {
					slices.Reverse(deliveries)
				}
				var err error
				if worker < 4 {
					_, err = s.Receive(ctx, deliveries)
				} else {
					_, err = s.Append(ctx, slices.Concat(deliveries[0].Events, deliveries[39].Events, deliveries[20].Events))
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Errorf("the calls wait for each other: %v", err)
	}
}
