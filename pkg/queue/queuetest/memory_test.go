package queuetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory_Conformance(t *testing.T) {
	t.Parallel()
	Run(t, func(_ *testing.T, o Options) Harness {
		q := NewMemory(MemoryOptions{MaxEvents: o.MaxEvents, MaxBytes: o.MaxBytes})
		return Harness{
			Queue: q,
			Again: func(*testing.T) queue.Queue { return q.Again() },
			Down:  func() { q.Fail(fmt.Errorf("%w: %w", store.ErrUnavailable, store.ErrNotReached)) },
			Up:    func() { q.Fail(nil) },
		}
	})
}

func TestMemory_UsesTheClockOfABubble(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := NewMemory(MemoryOptions{})
		crashes, successor := q.Consumer("crashes"), q.Consumer("successor")
		started := time.Now()
		if messages := mustReceive(t, crashes, time.Hour); len(messages) != 0 || time.Since(started) != time.Hour {
			t.Errorf("received %+v after %v", messages, time.Since(started))
		}
		go func() {
			time.Sleep(time.Minute)
			mustAppend(t, q, newEvents("a", 1)...)
		}()
		if messages := mustReceive(t, crashes, time.Hour); len(messages) != 1 {
			t.Errorf("received %+v", messages)
		}
		time.Sleep(30*time.Second - 1)
		if messages := mustClaim(t, successor, 30*time.Second); len(messages) != 0 {
			t.Errorf("claimed too early: %+v", messages)
		}
		time.Sleep(time.Nanosecond)
		if messages := mustClaim(t, successor, 30*time.Second); len(messages) != 1 || messages[0].Deliveries != 2 {
			t.Errorf("claimed %+v", messages)
		}
	})
}

func TestMemory_Fail(t *testing.T) {
	t.Parallel()
	q := NewMemory(MemoryOptions{})
	q.Fail(store.ErrNotDurable)
	if err := q.Ping(context.Background()); !errors.Is(err, store.ErrNotDurable) {
		t.Errorf("ping: %v, want ErrNotDurable", err)
	}
	q.Fail(nil)
	if err := q.Ping(context.Background()); err != nil {
		t.Errorf("ping: %v", err)
	}
}
