package postgres

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/suitetest"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// TestAppend_CancelledWaitForStandbyIsNoSuccess cancels the wait of a COMMIT for a
// standby that does not exist. PostgreSQL reports success with a warning.
func TestAppend_CancelledWaitForStandbyIsNoSuccess(t *testing.T) {
	t.Parallel()
	server := testdb.StartPostgres(t, testdb.PostgresOptions{NoSync: true})
	if _, err := Migrate(t.Context(), Options{URL: server.URL()}); err != nil {
		t.Fatal(err)
	}
	s := open(t, Options{URL: server.URL()})
	if _, err := s.Append(t.Context(), someEvents("first", 1)); err != nil {
		t.Fatal(err)
	}
	setStandbys(t, s, "'nobody'")
	defer setStandbys(t, s, "''")
	for name, write := range map[string]func() error{
		"one event": func() error { _, err := s.Append(t.Context(), someEvents("one", 1)); return err },
		"a batch":   func() error { _, err := s.Append(t.Context(), someEvents("batch", 2)); return err },
		"a delivery": func() error {
			_, err := s.Receive(t.Context(), []store.Delivery{{ID: [16]byte{1}, QueuedAt: time.Now(), Events: someEvents("delivered", 2)}})
			return err
		},
	} {
		result := make(chan error, 1)
		go func() { result <- write() }()
		suitetest.Eventually(t, name+" waits for the standby", func() bool {
			var cancelled bool
			err := s.readers.QueryRow(t.Context(), "SELECT coalesce(bool_or(pg_cancel_backend(pid)), false) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").Scan(&cancelled)
			return err == nil && cancelled
		})
		if err := <-result; !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotReached) || !strings.Contains(err.Error(), "standby") {
			t.Errorf("%s: %v, want ErrUnavailable alone that names the standby", name, err)
		}
	}
}

// setStandbys sets synchronous_standby_names, and returns when sessions have it.
func setStandbys(t *testing.T, s *Store, names string) {
	t.Helper()
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = " + names, "SELECT pg_reload_conf()"} {
		if _, err := s.readers.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	suitetest.Eventually(t, "the setting is in use", func() bool {
		var got string
		err := s.readers.QueryRow(t.Context(), "SHOW synchronous_standby_names").Scan(&got)
		return err == nil && "'"+got+"'" == names
	})
}
