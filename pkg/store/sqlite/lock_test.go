package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// lockFile begins a write transaction, as another process does.
func lockFile(t *testing.T, file string) (release func()) {
	t.Helper()
	db, err := openWriter(file, "rw")
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(context.Background(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		_ = tx.Rollback()
		_ = db.Close()
	}
}

func TestAppend_WaitsForOtherProcess(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	release := lockFile(t, s.path)
	done := make(chan error, 1)
	go func() {
		_, err := s.Append(context.Background(), []event.Event{newEvent("1")})
		done <- err
	}()
	if _, err := s.Stats(t.Context()); err != nil {
		t.Errorf("read while another process writes: %v", err)
	}
	release()
	if err := <-done; err != nil {
		t.Errorf("append after a wait: %v", err)
	}
}

func TestAppend_FailsIfOtherProcessKeepsWriting(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	defer lockFile(t, s.path)()
	if _, err := s.writer.ExecContext(t.Context(), "PRAGMA busy_timeout = 20"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Append(t.Context(), []event.Event{newEvent("1")})
	if !errors.Is(err, store.ErrUnavailable) || !strings.Contains(err.Error(), "another process") {
		t.Errorf("append: %v, want ErrUnavailable and a hint at another process", err)
	}
	if err := s.Ping(t.Context()); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("ping: %v, want ErrUnavailable: the database can't be written to", err)
	}
}

func TestAppend_StopsWaitingWithContext(t *testing.T) {
	t.Parallel()
	s := openNew(t, Options{})
	release := lockFile(t, s.path)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		start := time.Now()
		_, err := s.Append(ctx, []event.Event{newEvent("1")})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(start) > busyMillis*time.Millisecond/2 {
			t.Errorf("append: %v after %v, want its deadline at once", err, time.Since(start))
		}
	}
	release()
	if outcomes, err := s.Append(t.Context(), []event.Event{newEvent("1")}); err != nil || outcomes[0] != event.Stored {
		t.Errorf("append after that: %v, %v, want it stored", outcomes, err)
	}
}

func TestAppend_SeveralStoresOnOneFile(t *testing.T) {
	t.Parallel()
	const stores, rounds, size = 3, 20, 20
	file := newPath(t)
	first := open(t, Options{Path: file})
	stored := make([]int, stores)
	var group errgroup.Group
	for i := range stores {
		s := open(t, Options{Path: file})
		group.Go(func() error {
			for round := range rounds {
				batch := make([]event.Event, size)
				for n := range batch {
					batch[n] = newEvent(fmt.Sprintf("%d/%d", round, n))
				}
				outcomes, err := s.Append(context.Background(), batch)
				if err != nil {
					return err
				}
				for _, outcome := range outcomes {
					if outcome == event.Stored {
						stored[i]++
					}
				}
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatalf("append from several stores: %v", err)
	}
	total := 0
	for _, n := range stored {
		total += n
	}
	stats, err := first.Stats(t.Context())
	want := store.Stats{Received: stores * rounds * size, Stored: rounds * size, Kept: rounds * size, Duplicates: (stores - 1) * rounds * size, Topics: 1}
	if err != nil || stats != want || total != rounds*size {
		t.Errorf("%d have the outcome stored, counted %+v (%v), want %+v", total, stats, err, want)
	}
}
