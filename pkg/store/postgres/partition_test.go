package postgres

import (
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// TestAppend_MakesAMissingPartition removes all partitions. The append that finds none
// for the present time makes it and stores its events once.
func TestAppend_MakesAMissingPartition(t *testing.T) {
	t.Parallel()
	for name, appended := range map[string]func(*testing.T, *Store) error{
		"one event": func(t *testing.T, s *Store) error {
			t.Helper()
			_, err := s.Append(t.Context(), someEvents("e", 1))
			return err
		},
		"a batch": func(t *testing.T, s *Store) error {
			t.Helper()
			_, err := s.Append(t.Context(), someEvents("e", 9))
			return err
		},
		"a delivery": func(t *testing.T, s *Store) error {
			t.Helper()
			_, err := s.Receive(t.Context(), []store.Delivery{{ID: store.DeliveryID{1}, Events: someEvents("e", 9)}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, owner, _ := asRole(t) // a role that may not create tables
			execAt(t, owner, `DO $$ DECLARE p record; BEGIN
				FOR p IN SELECT name FROM partitions LOOP EXECUTE 'DROP TABLE ' || p.name; END LOOP; DELETE FROM partitions; END $$`)
			s := open(t, Options{URL: address})
			if err := appended(t, s); err != nil {
				t.Fatal(err)
			}
			if outcomes, err := s.Append(t.Context(), someEvents("e", 1)); err != nil || outcomes[0] != event.Duplicate {
				t.Errorf("again: %v, %v, want a duplicate", outcomes, err)
			}
			var partitions, attached int
			row := s.readers.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM partitions), (SELECT count(*) FROM pg_inherits WHERE inhparent = 'events'::regclass)")
			if err := row.Scan(&partitions, &attached); err != nil || partitions != 1+partitionsAhead || attached != partitions {
				t.Errorf("%d partitions are recorded and %d attached, %v; want %d", partitions, attached, err, 1+partitionsAhead)
			}
		})
	}
}

// TestMakePartition_FillsTheGap changes the width. Partitions neither overlap nor leave
// a moment out.
func TestMakePartition_FillsTheGap(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	start := time.Date(2031, 5, 7, 13, 0, 0, 0, time.UTC)
	for i, width := range []time.Duration{7 * 24 * time.Hour, time.Hour, 24 * time.Hour, 5 * time.Hour} {
		for step := range 60 {
			moment := start.Add(time.Duration(step*11+i) * time.Hour)
			if _, err := s.writers.Exec(t.Context(), "SELECT make_partition($1, $2)", moment, width); err != nil {
				t.Fatal(err)
			}
			if _, err := s.writers.Exec(t.Context(), `INSERT INTO events VALUES ($1, $1, $2, 1, '\x0065', 's', '{}')`, moment, i*100+step); err != nil {
				t.Fatalf("there is no partition for %v: %v", moment, err)
			}
		}
	}
}
