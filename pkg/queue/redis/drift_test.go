package redis

import (
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

// TestSize_FollowsStreamsChangedByHand fills a queue, changes its keys as operators
// do, and then needs the true size, room for more events, and every event that is
// left in the stream delivered.
func TestSize_FollowsStreamsChangedByHand(t *testing.T) {
	t.Parallel()
	const most = 12
	for _, test := range []struct {
		name     string
		commands [][]string // EVENTS, SIZE and DEAD stand for the keys, FIRST for the first ID
		left     int        // events in the stream
		dead     int
	}{
		{"DEL of the stream", [][]string{{"DEL", "EVENTS"}}, 0, 1},
		{"UNLINK of the stream", [][]string{{"UNLINK", "EVENTS"}}, 0, 1},
		{"RENAME of the stream", [][]string{{"RENAME", "EVENTS", "EVENTS:backup"}}, 0, 1},
		{"RENAME of the stream and back", [][]string{{"RENAME", "EVENTS", "EVENTS:backup"}, {"RENAME", "EVENTS:backup", "EVENTS"}}, 10, 1},
		{"XDEL of an entry", [][]string{{"XDEL", "EVENTS", "FIRST"}}, 8, 1},
		{"XTRIM to one entry", [][]string{{"XTRIM", "EVENTS", "MAXLEN", "1"}}, 2, 1},
		{"XTRIM to nothing", [][]string{{"XTRIM", "EVENTS", "MAXLEN", "0"}}, 0, 1},
		{"DEL of the size", [][]string{{"DEL", "SIZE"}}, 10, 1},
		{"a size without a number", [][]string{{"HSET", "SIZE", "events", "many", "done", "x"}}, 10, 1},
		{"a size of another version", [][]string{{"HDEL", "SIZE", "entries"}}, 10, 1},
		{"DEL of stream and size", [][]string{{"DEL", "EVENTS", "SIZE"}}, 0, 1},
		{"DEL of all keys", [][]string{{"DEL", "EVENTS", "SIZE", "DEAD"}}, 0, 0},
		{"DEL of the dead letters", [][]string{{"DEL", "DEAD"}}, 10, 0},
		{"XTRIM of the dead letters", [][]string{{"XTRIM", "DEAD", "MAXLEN", "0"}}, 10, 0},
		{"XGROUP DESTROY", [][]string{{"XGROUP", "DESTROY", "EVENTS", group}}, 10, 1},
		{"XGROUP SETID to the end", [][]string{{"XGROUP", "SETID", "EVENTS", group, "$"}}, 10, 1},
		{"XGROUP SETID to the start", [][]string{{"XGROUP", "SETID", "EVENTS", group, "0"}}, 10, 1},
		{"XGROUP DESTROY and CREATE at the end", [][]string{{"XGROUP", "DESTROY", "EVENTS", group}, {"XGROUP", "CREATE", "EVENTS", group, "$"}}, 10, 1},
		{"XGROUP DELCONSUMER of a consumer with a message", [][]string{{"XREADGROUP", "GROUP", group, "gone", "COUNT", "3", "STREAMS", "EVENTS", ">"}, {"XGROUP", "DELCONSUMER", "EVENTS", group, "gone"}}, 10, 1},
		{"XACK of a message", [][]string{{"XREADGROUP", "GROUP", group, "gone", "COUNT", "1", "STREAMS", "EVENTS", ">"}, {"XACK", "EVENTS", group, "FIRST"}}, 10, 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q := openShared(t, Options{MaxEvents: most})
			c := q.Consumer("one")
			fillByHand(t, q, c)
			for _, command := range test.commands {
				doWithKeys(t, q, command...)
			}
			checkSizeOf(t, q, test.left, test.dead)
			room := most - test.left - test.dead
			if _, err := q.Append(t.Context(), newEvents(room+1)); !errors.Is(err, store.ErrOverloaded) {
				t.Errorf("append of %d events into room for %d: %v, want ErrOverloaded", room+1, room, err)
			}
			if _, err := q.Append(t.Context(), newEvents(room)); err != nil {
				t.Errorf("append of %d events: %v", room, err)
			}
			checkSizeOf(t, q, test.left+room, test.dead)
			if got := consumeAll(t, c); got != test.left+room {
				t.Errorf("received %d events, want %d", got, test.left+room)
			}
			checkSizeOf(t, q, 0, test.dead)
		})
	}
}

// fillByHand queues one dead letter and five entries of two events.
func fillByHand(t *testing.T, q *Queue, c queue.Consumer) {
	t.Helper()
	if _, err := q.Append(t.Context(), newEvents(1)); err != nil {
		t.Fatal(err)
	}
	messages, err := c.Receive(t.Context(), time.Second)
	if err != nil || len(messages) != 1 {
		t.Fatalf("received %+v, %v", messages, err)
	}
	if err := c.MoveToDeadLetters(t.Context(), messages[0], "reason"); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		if _, err := q.Append(t.Context(), newEvents(2)); err != nil {
			t.Fatal(err)
		}
	}
	checkSizeOf(t, q, 10, 1)
}

func newEvents(count int) []event.Event {
	events := make([]event.Event, count)
	for i := range events {
		events[i] = newEvent(strconv.Itoa(i))
	}
	return events
}

func checkSizeOf(t *testing.T, q *Queue, events, dead int) {
	t.Helper()
	got, err := q.Size(t.Context())
	if err != nil || got.Events != int64(events) || got.DeadLetters != int64(dead) || (got.Bytes > 0) != (events > 0) {
		t.Errorf("size is %+v, %v, want %d events and %d dead letters", got, err, events, dead)
	}
}

// consumeAll receives, claims and acknowledges until nothing is left.
func consumeAll(t *testing.T, c queue.Consumer) int {
	t.Helper()
	events := 0
	for {
		messages, err := c.Receive(t.Context(), 0)
		if err == nil && len(messages) == 0 {
			messages, err = c.Claim(t.Context(), 0)
		}
		if err != nil {
			t.Fatal(err)
		}
		if len(messages) == 0 {
			return events
		}
		for _, m := range messages {
			events += len(m.Events)
		}
		if err := c.Acknowledge(t.Context(), messages); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPurge_RepairsKeysOfAnotherType replaces each key by a text.
func TestPurge_RepairsKeysOfAnotherType(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"EVENTS", "SIZE", "DEAD"} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			q := openShared(t, Options{})
			c := q.Consumer("one")
			fillByHand(t, q, c)
			doWithKeys(t, q, "SET", key, "text")
			_, errAppend := q.Append(t.Context(), newEvents(1))
			for call, err := range map[string]error{"append": errAppend, "ping": q.Ping(t.Context())} {
				if !errors.Is(err, store.ErrNotReached) || !strings.Contains(err.Error(), "WRONGTYPE") {
					t.Errorf("%s: %v, want WRONGTYPE", call, err)
				}
			}
			if _, err := q.Purge(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := q.Append(t.Context(), newEvents(3)); err != nil {
				t.Fatal(err)
			}
			if got := consumeAll(t, c); got != 3 {
				t.Errorf("received %d events, want 3", got)
			}
		})
	}
}

// TestSize_IsEstimatedForManyEntries deletes entries of a stream that is too long to
// be counted.
func TestSize_IsEstimatedForManyEntries(t *testing.T) {
	t.Parallel()
	q := openShared(t, Options{})
	for range 30 {
		if _, err := q.Append(t.Context(), newEvents(500)); err != nil {
			t.Fatal(err)
		}
	}
	doWithKeys(t, q, "EVAL", "for i = 1, 12000 do redis.call('XADD', KEYS[1], '*', 'n', 1, 'b', 10, 'e', '') end", "1", "EVENTS")
	got, err := q.Size(t.Context())
	if want := int64(30*500 + 12000); err != nil || got.Events < want || got.Events > want*5/4 {
		t.Errorf("size is %+v, %v, want about %d events", got, err, want)
	}
}

// TestSize_IsZeroForAnEmptyStream changes the size and the entries by hand.
func TestSize_IsZeroForAnEmptyStream(t *testing.T) {
	t.Parallel()
	const entries, size = "EVENTS", "SIZE" // stand for the keys
	for _, test := range []struct {
		name    string
		command []string
	}{
		{"an entry with a wrong count", []string{"XADD", entries, "*", "d", "0123456789abcdef", "n", "7", "b", "100", "e", "{}"}},
		{"an entry with a negative count", []string{"XADD", entries, "*", "d", "0123456789abcdef", "n", "-9", "b", "-9", "e", "{}"}},
		{"an entry with a huge count", []string{"XADD", entries, "*", "n", "9007199254740991", "b", "9007199254740991"}},
		{"the size is deleted", []string{"DEL", size}},
		{"the size is too high", []string{"HINCRBY", size, "events", "1000000000"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q := openShared(t, Options{})
			if _, err := q.Append(t.Context(), []event.Event{newEvent("a")}); err != nil {
				t.Fatal(err)
			}
			doWithKeys(t, q, test.command...)
			c := q.Consumer("one")
			for range 3 {
				messages, err := c.Receive(t.Context(), 0)
				if err != nil {
					t.Fatal(err)
				}
				for _, m := range messages {
					if m.Broken != nil {
						err = c.MoveToDeadLetters(t.Context(), m, "broken")
					} else {
						err = c.Acknowledge(t.Context(), []queue.Message{m})
					}
					if err != nil {
						t.Fatal(err)
					}
				}
			}
			if got, err := q.Size(t.Context()); err != nil || got.Events != 0 || got.Bytes != 0 {
				t.Errorf("size is %+v, %v, want nothing queued", got, err)
			}
		})
	}
}
