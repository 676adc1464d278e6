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

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestFollowersGetEveryEventOnceInOrder(t *testing.T) {
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
		{"from the end on", 0, store.Filter{}, store.Position{Commit: before + 1}, before + 1, every},
		{"from the beginning on", 0, store.Filter{}, store.Position{}, 1, every},
		{"from the middle on", 0, store.Filter{}, store.Position{Commit: 77, Seq: 1}, 78, every},
		{"with a filter, from the end on", 0, store.Filter{Topic: "few"}, store.Position{Commit: before + 1}, before + 1, third},
		{"with a filter, from the beginning on", 0, store.Filter{Topic: "few"}, store.Position{}, 1, third},
		{"also where next to nothing is kept, so that all fall behind", 1, store.Filter{}, store.Position{Commit: before + 1}, before + 1, every},
		{"also where some is kept, so that some fall behind", 20_000, store.Filter{Topic: "few"}, store.Position{}, 1, third},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			j := &journal{}
			j.add(before)
			f := newFeed(j, func(o *Options) { o.RecentBytes = row.recent })
			want := numbers(row.first, before+later, row.keep)
			var readers errgroup.Group
			for range 3 {
				follower := join(t, f, row.filter, row.after)
				readers.Go(func() error {
					seen, err := read(t.Context(), follower, len(want))
					if !slices.Equal(seen, want) {
						t.Errorf("saw %d events, not the %d in their order", len(seen), len(want))
					}
					return err
				})
			}
			for range later / 20 {
				j.add(20)
				pause(t.Context(), 20*time.Microsecond) // so that they come in many pieces
			}
			if err := readers.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestAFollowerThatDoesNotReadCostsNothingAndMissesNothing(t *testing.T) {
	t.Parallel()
	j := &journal{}
	f := newFeed(j, func(o *Options) { o.RecentBytes = 10_000 })
	slow := join(t, f, store.Filter{}, store.Position{})
	fast := join(t, f, store.Filter{}, store.Position{})
	j.add(5000)
	if _, err := read(t.Context(), fast, 5000); err != nil {
		t.Fatal(err)
	}
	slow.tail.mu.RLock()
	kept := slow.tail.bytes
	slow.tail.mu.RUnlock()
	if kept > 10_000 {
		t.Errorf("%d bytes are kept", kept)
	}
	seen, err := read(t.Context(), slow, 5000)
	if err != nil || !slices.Equal(seen, numbers(1, 5000, every)) {
		t.Errorf("saw %d events, %v", len(seen), err)
	}
}

func TestCatchingUpReadsLittleMoreThanIsGivenOut(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		size int
	}{
		{"small events", 50},
		{"events of which some fill a chunk", 3000},
		{"events that are longer than a chunk", 2 * chunkBytes},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			j := &journal{}
			j.add(1000)
			pad := append([]byte(strings.Repeat("\t", row.size)), ' ')
			f := newFeed(j, func(o *Options) {
				o.Encode = func(dst []byte, r store.Record) []byte { return encodeID(append(dst, pad...), r) }
			})
			seen, err := read(t.Context(), join(t, f, store.Filter{}, store.Position{}), 1000)
			if err != nil || !slices.Equal(seen, numbers(1, 1000, every)) {
				t.Errorf("saw %d events, %v", len(seen), err)
			}
			j.mu.Lock()
			defer j.mu.Unlock()
			if j.given > 2000 {
				t.Errorf("read %d events to give out 1000", j.given)
			}
		})
	}
}

func TestStartGivesTheLastEventsFirst(t *testing.T) {
	t.Parallel()
	j := &journal{}
	j.add(30)
	for _, row := range []struct {
		name   string
		filter store.Filter
		last   int
		want   []string
		mark   uint32
	}{
		{"none", store.Filter{}, 0, nil, 30},
		{"the last", store.Filter{}, 5, numbers(26, 30, every), 25},
		{"the last that match", store.Filter{Topic: "few"}, 3, []string{"24", "27", "30"}, 21},
		{"all there are", store.Filter{}, 30, numbers(1, 30, every), 0},
		{"all there are, where those are fewer", store.Filter{Since: time.Unix(29, 0)}, 1000, []string{"29", "30"}, 0},
		{"none of those that don't match", store.Filter{Topic: "none"}, 10, nil, 30},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			f := newFeed(j)
			start, err := f.Start(t.Context(), row.filter, row.last)
			if err != nil || start.Fingerprint != row.mark {
				t.Fatalf("starts at %v, %v, want the mark %d", start, err, row.mark)
			}
			text, err := join(t, f, row.filter, start).Next(t.Context(), 20*time.Millisecond)
			if got := strings.Fields(string(text)); err != nil || !slices.Equal(got, row.want) {
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestTooManyFollowersAreTurnedAway(t *testing.T) {
	t.Parallel()
	f := newFeed(&journal{}, func(o *Options) { o.MaxFollowers = 2 })
	first := join(t, f, store.Filter{}, store.Position{})
	join(t, f, store.Filter{}, store.Position{})
	_, err := f.Join(t.Context(), store.Filter{}, store.Position{})
	if !errors.Is(err, store.ErrOverloaded) || store.RetryAfter(err, 0) != retryFull || f.Followers() != 2 {
		t.Errorf("the third of two got %v, with %d followers", err, f.Followers())
	}
	first.Leave()
	first.Leave() // a second time does nothing
	join(t, f, store.Filter{}, store.Position{})
	if f.Followers() != 2 {
		t.Errorf("%d followers", f.Followers())
	}
}

func TestJoinTellsWhatIsWrong(t *testing.T) {
	t.Parallel()
	j := &journal{}
	f := newFeed(j)
	if _, err := f.Join(t.Context(), store.Filter{}, store.Position{Commit: 99}); !errors.Is(err, store.ErrForeignPosition) {
		t.Errorf("a position of other data: %v", err)
	}
	j.setFail(store.ErrUnavailable)
	if _, err := f.Join(t.Context(), store.Filter{}, store.Position{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a store that is away: %v", err)
	}
	if f.Followers() != 0 {
		t.Errorf("%d followers are left", f.Followers())
	}
}

func TestFollowingWaitsForAStoreThatIsAway(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j := &journal{}
		f := newFeed(j)
		follower := join(t, f, store.Filter{}, store.Position{})
		j.setFail(store.ErrUnavailable)
		text, err := follower.Next(t.Context(), 15*time.Second)
		if err != nil || len(text) > 0 {
			t.Errorf("away: %q, %v", text, err)
		}
		j.add(3)
		j.setFail(nil)
		if seen, err := read(t.Context(), follower, 3); err != nil || len(seen) != 3 {
			t.Errorf("back: %v, %v", seen, err)
		}
		follower.Leave()
	})
}

func TestFollowingEndsWhereTheDataBecomesOther(t *testing.T) {
	t.Parallel()
	j := &journal{}
	j.add(10)
	f := newFeed(j)
	follower := join(t, f, store.Filter{}, store.Position{Commit: 11})
	if _, err := follower.Next(t.Context(), 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	j.mu.Lock()
	j.records = nil
	j.mu.Unlock()
	if _, err := follower.Next(t.Context(), time.Minute); !errors.Is(err, store.ErrForeignPosition) {
		t.Errorf("got %v", err)
	}
	again := join(t, f, store.Filter{}, store.Position{}) // beside the one that has not left yet
	j.add(1)
	if seen, err := read(t.Context(), again, 1); err != nil || len(seen) != 1 {
		t.Errorf("begun anew: %v, %v", seen, err)
	}
}

func TestNextEndsWithItsContext(t *testing.T) {
	t.Parallel()
	follower := join(t, newFeed(&journal{}), store.Filter{}, store.Position{})
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(time.Millisecond, cancel)
	if _, err := follower.Next(ctx, time.Minute); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

func TestACommitIsReadAtOnceAndOthersByAndBy(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name      string
		announced bool
		most      time.Duration
	}{
		{"a commit of this process", true, 2 * gather},
		{"a commit of another process", false, time.Second + 2*gather},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				j, committed := &journal{}, make(chan struct{}, 1)
				f := newFeed(j, func(o *Options) { o.Committed, o.Poll = committed, time.Second })
				follower := join(t, f, store.Filter{}, store.Position{})
				synctest.Wait()
				begin := time.Now()
				j.add(1)
				if row.announced {
					committed <- struct{}{}
				}
				if _, err := read(t.Context(), follower, 1); err != nil || time.Since(begin) > row.most {
					t.Errorf("came after %v, %v", time.Since(begin), err)
				}
				follower.Leave()
			})
		})
	}
}

func TestFollowersLeaveTheProcessorToStoring(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		j, committed := &journal{}, make(chan struct{}, 1)
		f := newFeed(j, func(o *Options) {
			o.Committed = committed
			o.Encode = func(dst []byte, _ store.Record) []byte { return append(dst, make([]byte, 1000)...) }
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var readers sync.WaitGroup
		counts := make([]int, 20)
		for i := range counts {
			follower := join(t, f, store.Filter{}, store.Position{})
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
			j.add(20)
			select {
			case committed <- struct{}{}:
			default:
			}
			pause(ctx, time.Millisecond)
		}
		readers.Wait()
		sum := 0
		for i, count := range counts {
			sum += count
			if count == 0 {
				t.Errorf("follower %d got nothing", i)
			}
		}
		// A share of the processor buys at most this much, were every write full.
		perWrite := costOf(make([]byte, chunkBytes))
		most := int(4*time.Second/shareOf/perWrite) * chunkBytes
		if all := 20 * 1000 * 20 * 3000; sum > most || sum > all/2 {
			t.Errorf("%d bytes were given out, of %d; the share is %d", sum, all, most)
		}
	})
}

func TestAnnounceTellsOfCommitsAlone(t *testing.T) {
	t.Parallel()
	fake := &appendOnly{}
	announced, committed := store.NotifyOnCommit(fake)
	told := func() bool {
		select {
		case <-committed:
			return true
		default:
			return false
		}
	}
	for range 3 {
		if _, err := announced.Append(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
	}
	if !told() || told() {
		t.Error("three commits must be one value")
	}
	if _, err := announced.Receive(t.Context(), nil); err != nil || !told() {
		t.Errorf("received from a queue: not told, %v", err)
	}
	fake.err = store.ErrUnavailable
	_, err := announced.Append(t.Context(), nil)
	_, errReceive := announced.Receive(t.Context(), nil)
	if !errors.Is(err, store.ErrUnavailable) || !errors.Is(errReceive, store.ErrUnavailable) || told() {
		t.Errorf("told of what failed with %v, %v", err, errReceive)
	}
}

type appendOnly struct {
	store.Store

	err error
}

func (a *appendOnly) Append(context.Context, []event.Event) ([]event.Outcome, error) {
	return nil, a.err
}

func (a *appendOnly) Receive(context.Context, []store.Delivery) (store.Received, error) {
	return store.Received{}, a.err
}
