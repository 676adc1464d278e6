package chaostest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/testdb"
)

// smallDisk mounts a file system in memory. The function grow enlarges it.
func smallDisk(t *testing.T, megabytes int) (folder string, grow func(megabytes int)) {
	t.Helper()
	folder = t.TempDir()
	size := func(megabytes int) string { return fmt.Sprintf("size=%dm,mode=0777", megabytes) }
	err := syscall.Mount("tmpfs", folder, "tmpfs", 0, size(megabytes))
	if errors.Is(err, syscall.EPERM) {
		t.Skip("skipped: only root can mount a small file system")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	for _, dir := range []string{folder, filepath.Dir(folder)} { // the server's user must reach it
		if err := os.Chmod(dir, 0o777); err != nil {
			t.Fatal(err)
		}
	}
	return folder, func(megabytes int) {
		if err := syscall.Mount("tmpfs", folder, "tmpfs", syscall.MS_REMOUNT, size(megabytes)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestFullDisk_LosesNothing fills the disk, makes room, and continues.
func TestFullDisk_LosesNothing(t *testing.T) {
	t.Run("SQLite", func(t *testing.T) {
		folder, grow := smallDisk(t, 4)
		fill(t, "sqlite:"+filepath.Join(folder, "events.db"), func() { grow(500) })
	})
	t.Run("PostgreSQL", func(t *testing.T) {
		folder, grow := smallDisk(t, 100)
		t.Setenv("EVENTAGG_TEST_DIR", folder)
		server := testdb.StartPostgres(t, testdb.PostgresOptions{Settings: map[string]string{
			"min_wal_size": "32MB", "max_wal_size": "32MB", "wal_recycle": "off",
		}})
		fill(t, server.URL(), func() {
			grow(2000)
			server.Stop(testdb.Immediate) // without room for its log it has stopped, or soon will
			server.Start()
		})
	})
}

// fill sends until the disk is full, makes room, and sends for a while.
func fill(t *testing.T, database string, room func()) {
	t.Helper()
	i := newInstance(t, "--database-url", database, "--ingest-flush-timeout", "2s")
	w := &environment{t: t, instances: []*instance{i}}
	i.ensureRunning()
	w.senders = &senders{ledger: newLedger(), proxies: []*proxy{newProxy(t, i.addr)}, seed: *seed, padding: 4 << 10}
	sending, stop := context.WithCancel(t.Context())
	defer stop()
	w.senders.start(sending, 8)
	for deadline := time.Now().Add(2 * time.Minute); w.senders.unavailable.Load() < 20; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the disk is not full after 2 minutes")
		}
	}
	full := w.senders.ledger.acknowledged()
	room()
	for deadline := time.Now().Add(time.Minute); w.senders.ledger.acknowledged() < full+2000; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no events are stored after room was made")
		}
	}
	stop()
	w.senders.running.Wait()
	v := w.senders.ledger.judge(w.observe())
	t.Logf("full after %d events; verdict: %v", full, v)
	if v != (verdict{}) {
		t.Errorf("a guarantee is violated: %v", v)
	}
}
