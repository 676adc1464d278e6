package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/store"
)

var errEnough = errors.New("enough")

// until returns a function for Follow that appends the IDs to got, up to n.
func until(n int, got *[]int) func(store.Record) error {
	return func(r store.Record) error {
		id, err := strconv.Atoi(r.ID)
		*got = append(*got, id)
		if len(*got) == n {
			return errEnough
		}
		return err
	}
}

// span returns from, from+1, … to.
func span(from, to int) []int {
	var numbers []int
	for i := from; i <= to; i++ {
		numbers = append(numbers, i)
	}
	return numbers
}

func TestClient_Last(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ stored, last, from, pages int }{
		{0, 10, 1, 1}, {5, 10, 1, 1}, {50, 10, 41, 1}, {50, 0, 51, 1}, {50, -1, 51, 1}, {250, 250, 1, 3}, {250, 101, 150, 2}, {99, 1000, 1, 1}, {3000, 2500, 501, 25},
	} {
		f := &feed{stored: row.stored}
		var got []int
		cursor, err := f.follower().lastFrom(t.Context(), EventsQuery{Stable: true}, row.last, recordIDs(&got))
		if err != nil {
			t.Fatal(err)
		}
		if diff := gocmp.Diff(span(row.from, row.stored), got); diff != "" || cursor != fmt.Sprintf("newer-%d", row.stored) || f.requested != row.pages {
			t.Errorf("last %d of %d: cursor %s, %d pages\n%s", row.last, row.stored, cursor, f.requested, diff)
		}
	}
}

// recordIDs returns a function for Last that appends the IDs to got.
func recordIDs(got *[]int) func([]store.Record) error {
	return func(records []store.Record) error {
		for _, r := range records {
			id, err := strconv.Atoi(r.ID)
			if err != nil {
				return err
			}
			*got = append(*got, id)
		}
		return nil
	}
}

func TestClient_LastOfZeroSendsNoRequest(t *testing.T) {
	t.Parallel()
	f := &feed{stored: 7}
	var got []int
	if err := f.follower().Last(t.Context(), store.Filter{}, 0, recordIDs(&got)); err != nil || len(got) != 0 || f.requested != 0 {
		t.Errorf("%d records after %d requests, %v", len(got), f.requested, err)
	}
	if err := f.follower().Last(t.Context(), store.Filter{}, 3, recordIDs(&got)); err != nil || !slices.Equal(got, span(5, 7)) {
		t.Errorf("got %v, %v", got, err)
	}
	if err := f.follower().Last(t.Context(), store.Filter{}, 3, func([]store.Record) error { return errEnough }); !errors.Is(err, errEnough) {
		t.Errorf("the callback's error became %v", err)
	}
}

// large returns a payload of some size.
func large(size int) string { return `{"x":"` + strings.Repeat("x", size) + `"}` }

// Last reads six times as much as its buffer holds. One event appears between the
// two reads of its page, like that of a long transaction.
func TestClient_LastLimitsItsBuffer(t *testing.T) {
	t.Parallel()
	const stored, size, late = 6 * followPage, 1000, 250
	f := &feed{stored: stored, payload: large(size), late: map[int]int{late: 7}}
	c := f.follower()
	c.bufferBytes = followPage * size
	var got []int
	largest := 0
	err := c.Last(t.Context(), store.Filter{}, stored, func(records []store.Record) error {
		largest = max(largest, sizeOf(records))
		return recordIDs(&got)(records)
	})
	if err != nil || !slices.Equal(got, span(1, stored)) {
		t.Errorf("got %v, %v", got, err)
	}
	if largest > 3*c.bufferBytes || f.requested < 7 {
		t.Errorf("%d bytes at once, after %d requests", largest, f.requested)
	}
}

// pollingAndStreaming runs a test with a server without a stream, which is polled,
// and with one that has a stream.
func pollingAndStreaming(t *testing.T, test func(t *testing.T, streams bool)) {
	t.Helper()
	for name, streams := range map[string]bool{"polling": false, "streaming": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, streams)
		})
	}
}

func TestClient_FollowContinuesAtOnceAfterFullPage(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]string{"of small events": "", "of large events": large(1 << 20)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				count := 9
				if payload == "" {
					count = 2*followPage + 1
				}
				f := &feed{payload: payload}
				go func() {
					<-time.NewTimer(time.Second / 2).C
					f.add(count)
				}()
				begin := time.Now()
				var got []int
				err := f.follower().Follow(t.Context(), store.Filter{}, 0, time.Second, until(count, &got))
				if took := time.Since(begin); !errors.Is(err, errEnough) || !slices.Equal(got, span(1, count)) || took != time.Second {
					t.Errorf("%v after %v: got %v", err, took, got)
				}
			})
		})
	}
}

func TestClient_FollowHasNoGapAndNoRepeat(t *testing.T) {
	t.Parallel()
	pollingAndStreaming(t, func(t *testing.T, streams bool) {
		rapid.Check(t, func(rt *rapid.T) {
			stored := rapid.IntRange(0, 250).Draw(rt, "stored")
			last := rapid.IntRange(0, 250).Draw(rt, "last")
			bursts := rapid.SliceOfN(rapid.IntRange(0, 300), 1, 8).Draw(rt, "bursts")
			failing := rapid.SliceOf(rapid.SampledFrom([]int{0, 0, -1, 503, 429, 502})).Draw(rt, "failing")
			cuts := rapid.SliceOf(rapid.IntRange(0, 5000)).Draw(rt, "cuts")
			synctest.Test(t, func(t *testing.T) {
				const start = 4 // the first requests must succeed
				from := func(list []int, request int) int {
					if i := request - start; i >= 0 && i < len(list) {
						return list[i]
					}
					return 0
				}
				f := &feed{
					stored: stored, streams: streams,
					fail: func(request int) int { return from(failing, request) },
					cut:  func(request int) int { return from(cuts, request) },
				}
				total := stored
				for _, n := range bursts {
					total += n
				}
				var got []int
				go func() {
					for _, n := range append(bursts, 1) { // the last one ends it
						timer := time.NewTimer(700 * time.Millisecond)
						<-timer.C
						f.add(n)
					}
				}()
				first := stored - min(last, stored) + 1
				err := f.follower().Follow(t.Context(), store.Filter{}, last, time.Second, until(total+1-first+1, &got))
				if !errors.Is(err, errEnough) || !slices.Equal(got, span(first, total+1)) {
					t.Errorf("%v: got %v", err, got)
				}
			})
		})
	})
}

func TestClient_FollowReportsOutageOnce(t *testing.T) {
	t.Parallel()
	pollingAndStreaming(t, func(t *testing.T, streams bool) {
		synctest.Test(t, func(t *testing.T) {
			first := 2 // request 1 is for the last events; without a stream, request 2 returns 404
			if !streams {
				first = 3
			}
			f := &feed{stored: 1, streams: streams, fail: func(request int) int {
				if request >= first && request < first+8 {
					return -1
				}
				return 0
			}}
			var reported []string
			c := f.follower(func(o *Options) {
				o.OnConnection = func(err error) {
					reported = append(reported, fmt.Sprint(errors.Is(err, store.ErrUnavailable)))
					if err == nil {
						f.add(1)
					}
				}
			})
			begin := time.Now()
			var got []int
			if err := c.Follow(t.Context(), store.Filter{}, 1, time.Second, until(2, &got)); !errors.Is(err, errEnough) {
				t.Fatal(err)
			}
			if diff := gocmp.Diff([]string{"true", "false"}, reported); diff != "" {
				t.Error(diff)
			}
			// 8 attempts fail: three quarters of 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5 and 5 seconds.
			if took := time.Since(begin); took < 12*time.Second || took > 15*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	})
}

func TestClient_FollowEnds(t *testing.T) {
	t.Parallel()
	never := func(store.Record) error { return nil }
	at := func(request, status int) func(int) int {
		return func(n int) int {
			if n >= request {
				return status
			}
			return 0
		}
	}
	for name, row := range map[string]struct {
		fail func(int) int
		want error
	}{
		"at once if there is no server at the start":        {at(1, -1), store.ErrUnavailable},
		"if the server refuses the query":                   {at(2, 422), new(ResponseError)},
		"with the context, while it waits for events":       {nil, context.DeadlineExceeded},
		"with the context, while the server is unavailable": {at(2, -1), context.DeadlineExceeded},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pollingAndStreaming(t, func(t *testing.T, streams bool) {
				synctest.Test(t, func(t *testing.T) {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					defer cancel()
					f := &feed{stored: 3, streams: streams, fail: row.fail}
					err := f.follower().Follow(ctx, store.Filter{}, 1, time.Second, never)
					var refused *ResponseError
					if errors.As(row.want, &refused) && errors.As(err, &refused) {
						return
					}
					if !errors.Is(err, row.want) {
						t.Errorf("got %v", err)
					}
				})
			})
		})
	}
}

func TestClient_FollowNeedsLinkToNewerEvents(t *testing.T) {
	t.Parallel()
	c, _ := respondWith(t, 200, `[]`)
	if err := c.Follow(t.Context(), store.Filter{}, 1, time.Second, nil); !errors.Is(err, errResponse) {
		t.Errorf("got %v", err)
	}
}

// A reader that saves the cursor and is restarted at any moment reads each event,
// and reads events again only if it ended before it saved their cursor.
func TestClient_ResumeMissesNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		synctest.Test(t, func(t *testing.T) {
			f := &feed{stored: rapid.IntRange(0, 150).Draw(rt, "stored before")}
			last := rapid.IntRange(0, 200).Draw(rt, "last")
			saved, next := "", max(1, f.stored-last+1)
			for range rapid.IntRange(1, 6).Draw(rt, "starts") {
				query := ResumeQuery{Cursor: saved, Last: last, Follow: rapid.Bool().Draw(rt, "follow"), Interval: time.Second}
				crash := rapid.IntRange(1, 300).Draw(rt, "events until a crash")
				unsaved := next
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // 60 polls
				err := f.follower().Resume(ctx, query, func(records []store.Record) error {
					for _, r := range records {
						if r.ID != strconv.Itoa(unsaved) {
							rt.Fatalf("read event %s, want %d", r.ID, unsaved)
						}
						unsaved++
						crash--
						if crash == 0 {
							return errEnough
						}
					}
					return nil
				}, func(cursor string) error {
					saved, next = cursor, unsaved
					return nil
				})
				cancel()
				if err != nil && !errors.Is(err, errEnough) && !errors.Is(err, context.DeadlineExceeded) {
					rt.Fatal(err)
				}
				if err == nil && (query.Follow || next != f.stored+1) {
					rt.Fatalf("ended before event %d of %d", next, f.stored)
				}
				if saved == "" {
					next = max(1, f.stored-last+1)
				}
				if saved != "" {
					f.add(rapid.IntRange(0, 250).Draw(rt, "stored meanwhile"))
				}
			}
		})
	})
}

func TestClient_ResumeEndsIfCursorIsNotSaved(t *testing.T) {
	t.Parallel()
	for _, query := range []ResumeQuery{{Last: 3}, {Last: 3, Follow: true}, {Cursor: "newer-2"}, {Cursor: "newer-2", Follow: true, Interval: time.Millisecond}} {
		f := &feed{stored: 5}
		err := f.follower().Resume(t.Context(), query, func([]store.Record) error { return nil }, func(string) error { return errEnough })
		if !errors.Is(err, errEnough) {
			t.Errorf("%+v: %v", query, err)
		}
	}
}
