package sqlite

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestConformance(t *testing.T) {
	t.Parallel()
	storetest.Run(t, storetest.Harness{
		Open: func(t *testing.T) store.Store {
			t.Helper()
			return openNew(t, Options{})
		},
		Reopen: func(t *testing.T, s store.Store) store.Store {
			t.Helper()
			return open(t, Options{Path: pathOf(t, s)})
		},
		Copy: func(t *testing.T, s store.Store) store.Store {
			t.Helper()
			path := filepath.Join(t.TempDir(), "copy.db")
			file, ok := s.(*Store)
			if !ok {
				t.Fatalf("the store is a %T", s)
			}
			if _, err := file.writer.ExecContext(t.Context(), "VACUUM INTO ?1", path); err != nil {
				t.Fatal(err)
			}
			return open(t, Options{Path: path})
		},
		Outage: func(t *testing.T, s store.Store) (down, up func()) {
			t.Helper()
			path := pathOf(t, s)
			return func() { rename(t, path, path+".moved") }, func() { rename(t, path+".moved", path) }
		},
		Rejected: refusePoison,
		Age:      age,
	})
}

func age(t *testing.T, s store.Store) (store.Retainer, time.Time) {
	t.Helper()
	now := time.Now().Add(time.Microsecond).Truncate(time.Microsecond)
	for time.Now().Before(now) { // the clock of the store has whole microseconds
	}
	return s, now
}

// refusePoison makes the database reject the event that it returns.
func refusePoison(t *testing.T, s store.Store) event.Event {
	t.Helper()
	file, ok := s.(*Store)
	if !ok {
		t.Fatalf("the store is a %T", s)
	}
	if _, err := file.writer.ExecContext(t.Context(),
		"CREATE TRIGGER refuse BEFORE INSERT ON events WHEN new.event_id = 'poison' BEGIN SELECT raise(ABORT, 'refused'); END"); err != nil {
		t.Fatal(err)
	}
	return newEvent("poison")
}

func pathOf(t *testing.T, s store.Store) string {
	t.Helper()
	file, ok := s.(*Store)
	if !ok {
		t.Fatalf("the store is a %T", s)
	}
	return file.path
}

func rename(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// newPath creates a migrated database file. Its name has characters that have a
// meaning in a URL.
func newPath(t testing.TB) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "50% done? #1 'é' &mode=memory.db")
	if _, err := Migrate(t.Context(), path); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return path
}

func openNew(t testing.TB, options Options) *Store {
	t.Helper()
	options.Path = newPath(t)
	return open(t, options)
}

func open(t testing.TB, options Options) *Store {
	t.Helper()
	s, err := Open(t.Context(), options)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}
