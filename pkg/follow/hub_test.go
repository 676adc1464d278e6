package follow

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/eventagg/eventagg/pkg/store"
)

func TestFollower_GetsEveryEventOnceInOrder(t *testing.T) {
	t.Parallel()
	const before, later = 500, 6000
	for _, row := range []struct {
		name   string
		recent int
		filter store.Filter
		after  store.Position
		first  int
		keep   func(int) bool
	}{
		{"from the end", 0, store.Filter{}, store.Position{Commit: before + 1}, before + 1, every},
		{"from the beginning", 0, store.Filter{}, store.Position{}, 1, every},
		{"from the middle", 0, store.Filter{}, store.Position{Commit: 77, Seq: 1}, 78, every},
		{"with a filter, from the end", 0, store.Filter{Topic: "few"}, store.Position{Commit: before + 1}, before + 1, third},
		{"with a filter, from the beginning", 0, store.Filter{Topic: "few"}, store.Position{}, 1, third},
		{"with next to no recent events, so that all followers fall behind", 1, store.Filter{}, store.Position{Commit: before + 1}, before + 1, every},
		{"with few recent events, so that some followers fall behind", 20_000, store.Filter{Topic: "few"}, store.Position{}, 1, third},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fake := &fakeStore{}
				fake.add(before)
				h := newHub(fake, func(o *Options) { o.RecentBytes = row.recent })
				want := numbers(row.first, before+later, row.keep)
				var readers errgroup.Group
				for range 3 {
					follower := join(t, h, row.filter, row.after)
					readers.Go(func() error {
						seen, err := read(t.Context(), follower, len(want))
						if !slices.Equal(seen, want) {
							t.Errorf("read %d events, want the %d in order", len(seen), len(want))
						}
						return err
					})
				}
				for range later / 20 {
					fake.add(20)
					time.Sleep(20 * time.Microsecond) // so that they come in many pieces
				}
				if err := readers.Wait(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestFollower_SlowOneCostsNoMemoryAndMissesNothing(t *testing.T) {
	t.Parallel()
	fake := &fakeStore{}
	h := newHub(fake, func(o *Options) { o.RecentBytes = 10_000 })
	slow := join(t, h, store.Filter{}, store.Position{})
	fast := join(t, h, store.Filter{}, store.Position{})
	fake.add(5000)
	if _, err := read(t.Context(), fast, 5000); err != nil {
		t.Fatal(err)
	}
	slow.tail.mu.RLock()
	kept := slow.tail.bytes
	slow.tail.mu.RUnlock()
	if kept > 10_000 {
		t.Errorf("the hub keeps %d bytes, want at most 10000", kept)
	}
	seen, err := read(t.Context(), slow, 5000)
	if err != nil || !slices.Equal(seen, numbers(1, 5000, every)) {
		t.Errorf("read %d events, %v", len(seen), err)
	}
}

func TestFollower_ReadsLittleMoreThanItReturnsWhileBehind(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		size int
	}{
		{"small events", 50},
		{"events of which a few fill a chunk", 3000},
		{"events that are longer than a chunk", 2 * chunkBytes},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			fake := &fakeStore{}
			fake.add(1000)
			pad := append([]byte(strings.Repeat("\t", row.size)), ' ')
			h := newHub(fake, func(o *Options) {
				o.Encode = func(dst []byte, r store.Record) []byte { return encodeID(append(dst, pad...), r) }
			})
			seen, err := read(t.Context(), join(t, h, store.Filter{}, store.Position{}), 1000)
			if err != nil || !slices.Equal(seen, numbers(1, 1000, every)) {
				t.Errorf("read %d events, %v", len(seen), err)
			}
			fake.mu.Lock()
			defer fake.mu.Unlock()
			if fake.returned > 2000 {
				t.Errorf("read %d events to return 1000", fake.returned)
			}
		})
	}
}

func TestHub_StartReturnsThePositionBeforeTheLastEvents(t *testing.T) {
	t.Parallel()
	fake := &fakeStore{}
	fake.add(30)
	for _, row := range []struct {
		name   string
		filter store.Filter
		last   int
		want   []string
		print  uint32
	}{
		{"none", store.Filter{}, 0, nil, 30},
		{"the last", store.Filter{}, 5, numbers(26, 30, every), 25},
		{"the last that match", store.Filter{Topic: "few"}, 3, []string{"24", "27", "30"}, 21},
		{"all there are", store.Filter{}, 30, numbers(1, 30, every), 0},
		{"all there are, if those are fewer", store.Filter{Since: time.Unix(29, 0)}, 1000, []string{"29", "30"}, 0},
		{"none if none match", store.Filter{Topic: "none"}, 10, nil, 30},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			h := newHub(fake)
			start, err := h.Start(t.Context(), row.filter, row.last)
			if err != nil || start.Fingerprint != row.print {
				t.Fatalf("starts at %v, %v, want the fingerprint %d", start, err, row.print)
			}
			text, err := join(t, h, row.filter, start).Next(t.Context(), 20*time.Millisecond)
			if got := strings.Fields(string(text)); err != nil || !slices.Equal(got, row.want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestHub_JoinReturnsOverloadedAtTheLimit(t *testing.T) {
	t.Parallel()
	h := newHub(&fakeStore{}, func(o *Options) { o.MaxFollowers = 2 })
	first := join(t, h, store.Filter{}, store.Position{})
	join(t, h, store.Filter{}, store.Position{})
	_, err := h.Join(t.Context(), store.Filter{}, store.Position{}, nil)
	if !errors.Is(err, store.ErrOverloaded) || store.RetryAfter(err, 0) != retryWhenFull || h.Followers() != 2 {
		t.Errorf("the third follower got %v, with %d followers", err, h.Followers())
	}
	first.Leave()
	first.Leave() // a second time does nothing
	join(t, h, store.Filter{}, store.Position{})
	if h.Followers() != 2 {
		t.Errorf("%d followers", h.Followers())
	}
}

func TestHub_JoinReturnsTheErrorsOfTheStore(t *testing.T) {
	t.Parallel()
	fake := &fakeStore{}
	h := newHub(fake)
	if _, err := h.Join(t.Context(), store.Filter{}, store.Position{Commit: 99}, nil); !errors.Is(err, store.ErrForeignPosition) {
		t.Errorf("a position of other data: %v", err)
	}
	fake.setFail(store.ErrUnavailable)
	if _, err := h.Join(t.Context(), store.Filter{}, store.Position{}, nil); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("an unavailable store: %v", err)
	}
	if h.Followers() != 0 {
		t.Errorf("%d followers remain", h.Followers())
	}
}

func TestFollower_WaitsForAnUnavailableStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake := &fakeStore{}
		h := newHub(fake)
		follower := join(t, h, store.Filter{}, store.Position{})
		fake.setFail(store.ErrUnavailable)
		text, err := follower.Next(t.Context(), 15*time.Second)
		if err != nil || len(text) > 0 {
			t.Errorf("while unavailable: %q, %v", text, err)
		}
		fake.add(3)
		fake.setFail(nil)
		if seen, err := read(t.Context(), follower, 3); err != nil || len(seen) != 3 {
			t.Errorf("available again: %v, %v", seen, err)
		}
		follower.Leave()
	})
}

func TestFollower_EndsWhenItsEventsAreDropped(t *testing.T) {
	t.Parallel()
	fake := &fakeStore{}
	fake.add(10)
	follower := join(t, newHub(fake), store.Filter{}, store.Position{Commit: 11, Fingerprint: 10})
	fake.setFail(&store.DroppedError{})
	if _, err := follower.Next(t.Context(), time.Minute); !errors.Is(err, store.ErrDropped) {
		t.Errorf("got %v", err)
	}
}

func TestFollower_EndsWhenTheDataIsReplaced(t *testing.T) {
	t.Parallel()
	fake := &fakeStore{}
	fake.add(10)
	h := newHub(fake)
	follower := join(t, h, store.Filter{}, store.Position{Commit: 11})
	if _, err := follower.Next(t.Context(), 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	fake.mu.Lock()
	fake.records = nil
	fake.mu.Unlock()
	if _, err := follower.Next(t.Context(), time.Minute); !errors.Is(err, store.ErrForeignPosition) {
		t.Errorf("got %v", err)
	}
	again := join(t, h, store.Filter{}, store.Position{}) // while the first one has not left yet
	fake.add(1)
	if seen, err := read(t.Context(), again, 1); err != nil || len(seen) != 1 {
		t.Errorf("a new follower: %v, %v", seen, err)
	}
}

func TestFollower_NextEndsWithItsContext(t *testing.T) {
	t.Parallel()
	follower := join(t, newHub(&fakeStore{}), store.Filter{}, store.Position{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := follower.Next(ctx, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestHub_ReadsAtOnceAfterANotification(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name     string
		notified bool
		maxWait  time.Duration
	}{
		{"a commit of this process", true, 2 * gatherTime},
		{"a commit of another process", false, time.Second + 2*gatherTime},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				fake, committed := &fakeStore{}, make(chan struct{}, 1)
				h := newHub(fake, func(o *Options) { o.Committed, o.Poll = committed, time.Second })
				follower := join(t, h, store.Filter{}, store.Position{})
				synctest.Wait()
				begin := time.Now()
				fake.add(1)
				if row.notified {
					committed <- struct{}{}
				}
				if _, err := read(t.Context(), follower, 1); err != nil || time.Since(begin) > row.maxWait {
					t.Errorf("the event came after %v, %v", time.Since(begin), err)
				}
				follower.Leave()
			})
		})
	}
}

func TestFollower_StaysWithinTheBudgetWhileStoring(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		fake, committed := &fakeStore{}, make(chan struct{}, 1)
		h := newHub(fake, func(o *Options) {
			o.Committed = committed
			o.Encode = func(dst []byte, _ store.Record) []byte { return append(dst, make([]byte, 1000)...) }
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var readers sync.WaitGroup
		counts := make([]int, 20)
		for i := range counts {
			follower := join(t, h, store.Filter{}, store.Position{})
			readers.Go(func() {
				defer follower.Leave()
				for {
					text, err := follower.Next(ctx, time.Second)
					if err != nil {
						return
					}
					counts[i] += len(text)
				}
			})
		}
		for ctx.Err() == nil {
			fake.add(20)
			select {
			case committed <- struct{}{}:
			default:
			}
			time.Sleep(time.Millisecond)
		}
		readers.Wait()
		sum := 0
		for i, count := range counts {
			sum += count
			if count == 0 {
				t.Errorf("follower %d got nothing", i)
			}
		}
		// If every write is full, the budget allows at most this much.
		perWrite := costOf(make([]byte, chunkBytes))
		limit := int(4*time.Second/budgetFraction/perWrite) * chunkBytes
		if all := 20 * 1000 * 20 * 3000; sum > limit || sum > all/2 {
			t.Errorf("followers got %d bytes of %d; the budget allows %d", sum, all, limit)
		}
	})
}
