package redis

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/testdb"
)

func newEvent(id string) event.Event {
	return event.Event{
		Topic: "topic", ID: id, Timestamp: time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC), Source: "test", Payload: `{"n":1}`,
	}
}

// lineBytes is the size of an event of newEvent with an ID of one byte.
const lineBytes = 102

func checkSize(t *testing.T, q *Queue, want queue.Size) {
	t.Helper()
	if got, err := q.Size(t.Context()); err != nil || got != want {
		t.Errorf("size is %+v, %v, want %+v", got, err, want)
	}
}

// roundTrip appends, receives and acknowledges.
func roundTrip(t *testing.T, q *Queue) {
	t.Helper()
	want := []event.Event{newEvent("a"), newEvent("b")}
	if err := q.Ping(t.Context()); err != nil {
		t.Fatalf("ping: %v", err)
	}
	if _, err := q.Append(t.Context(), want); err != nil {
		t.Fatalf("append: %v", err)
	}
	c := q.Consumer("one")
	messages, err := c.Receive(t.Context(), 10*time.Second)
	if err != nil || len(messages) != 1 || !slices.Equal(messages[0].Events, want) {
		t.Fatalf("received %+v, %v", messages, err)
	}
	if err := c.Acknowledge(t.Context(), messages); err != nil {
		t.Errorf("acknowledge: %v", err)
	}
	checkSize(t, q, queue.Size{})
}

func TestOpen_RejectsInvalidAddressWithoutPassword(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "localhost:6379", "http://user:secret@host/", "redis://user:sec ret@host:6379", "redis://user:secret/x@host:6379/0",
		"redis://user:secret@host:port/0", "redis://user:secret@host/secret", "redis://user:secret@host/0?unknown=secret", "redis://:%zzsecret@host",
		"redis://user:secret@a:1?addr=secret", "redis://user:secret@a:1?addr=b:2&unknown=secret", "unix://user:secret@?db=x",
	} {
		q, err := Open(t.Context(), Options{URL: address})
		if err == nil {
			t.Errorf("%q is accepted", address)
			_ = q.Close()
			continue
		}
		if strings.Contains(err.Error(), "secret") || !strings.Contains(err.Error(), "redis://") {
			t.Errorf("%q is rejected with %v", address, err)
		}
	}
	if _, err := Open(t.Context(), Options{URL: "redis://localhost", Streams: 10, MaxEvents: 5}); err == nil {
		t.Error("a maximum that can't be divided is accepted")
	}
}

func TestQueue_WorksOnceTheServerStarts(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true})
	server.Stop(testdb.Fast)
	q := open(t, Options{URL: server.URL()})
	for name, err := range map[string]error{
		"ping":   q.Ping(t.Context()),
		"append": func() error { _, err := q.Append(t.Context(), []event.Event{newEvent("a")}); return err }(),
	} {
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrNotReached) {
			t.Errorf("%s: %v, want ErrUnavailable and ErrNotReached", name, err)
		}
	}
	server.Start()
	roundTrip(t, q)
}

// TestAppend_WithoutResponseMayBeExecuted freezes the server.
func TestAppend_WithoutResponseMayBeExecuted(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true})
	q := open(t, Options{URL: server.URL(), Timeout: 300 * time.Millisecond})
	if _, err := q.Append(t.Context(), []event.Event{newEvent("a")}); err != nil {
		t.Fatal(err)
	}
	server.Pause()
	_, err := q.Append(t.Context(), []event.Event{newEvent("b")})
	if !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrNotReached) {
		t.Errorf("append without a response: %v, want ErrUnavailable alone", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := q.Size(ctx); err == nil {
		t.Error("a frozen server returns its size")
	}
	server.Resume()
	checkSize(t, q, queue.Size{Events: 2, Bytes: 2 * lineBytes}) // it was executed
}

func TestAppend_QueuesNothingIfRejected(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name    string
		command []string
	}{
		{"a replica does not write", []string{"REPLICAOF", "127.0.0.1", "1"}},
		{"the stream is a key of another type", []string{"SET", "EVENTS", "x"}},
		{"the size is a key of another type", []string{"SET", "SIZE", "x"}},
		{"a user may not run scripts", []string{"ACL", "SETUSER", "default", "-evalsha", "-eval"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true})
			q := open(t, Options{URL: server.URL()})
			doWithKeys(t, q, test.command...)
			_, err := q.Append(t.Context(), []event.Event{newEvent("a")})
			if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrNotReached) {
				t.Errorf("append: %v, want ErrUnavailable and ErrNotReached", err)
			}
			if length := do(t, server.URL(), "TYPE", "{eventagg:0}:events"); length == "stream" {
				t.Error("an entry was added")
			}
		})
	}
}

func TestQueue_ConnectsBy(t *testing.T) {
	t.Parallel()
	t.Run("a user with a password and minimal rights", func(t *testing.T) {
		t.Parallel()
		server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true})
		do(t, server.URL(), append([]string{"ACL", "SETUSER", "aggregator", "on", ">p/w:d@1"}, rights()...)...)
		parsed, err := url.Parse(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		parsed.User = url.UserPassword("aggregator", "p/w:d@1")
		q := open(t, Options{URL: parsed.String()})
		roundTrip(t, q)
		c := q.Consumer("two")
		_, err = q.LowWatermark(t.Context())
		_, errLetters := q.DeadLetters(t.Context(), "", 1)
		doWithKeys(t, open(t, Options{URL: server.URL()}), "DEL", "SIZE")
		_, errSize := q.Size(t.Context())
		_, errClaim := c.Claim(t.Context(), 0)
		_, errPurge := q.Purge(t.Context())
		if err := errors.Join(err, errLetters, errSize, errClaim, errPurge, c.Prune(t.Context(), 0), c.Leave(t.Context())); err != nil {
			t.Error(err)
		}
		parsed.User = url.UserPassword("aggregator", "wrong secret")
		_, err = open(t, Options{URL: parsed.String()}).Append(t.Context(), []event.Event{newEvent("a")})
		if !errors.Is(err, store.ErrUnavailable) || !errors.Is(err, store.ErrNotReached) || strings.Contains(err.Error(), "secret") {
			t.Errorf("append with a wrong password: %v, want ErrUnavailable and ErrNotReached", err)
		}
	})
	t.Run("a socket", func(t *testing.T) {
		t.Parallel()
		socket := filepath.Join(sharedFolder(t, 0o777), "redis")
		server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true, Settings: map[string]string{"unixsocket": socket, "unixsocketperm": "777"}})
		parsed, err := url.Parse(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		roundTrip(t, open(t, Options{URL: "unix://" + parsed.User.String() + "@" + socket + "?db=1"}))
	})
	t.Run("database and prefix", func(t *testing.T) {
		t.Parallel()
		server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true})
		address := strings.TrimSuffix(server.URL(), "/0")
		queues := []*Queue{
			open(t, Options{URL: address + "/0"}), open(t, Options{URL: address + "/1"}), open(t, Options{URL: address + "/0", Prefix: "other"}),
		}
		if _, err := queues[0].Append(t.Context(), []event.Event{newEvent("kept")}); err != nil {
			t.Fatal(err)
		}
		for _, q := range queues[1:] {
			roundTrip(t, q)
		}
		if size, err := queues[0].Size(t.Context()); err != nil || size.Events != 1 {
			t.Errorf("size is %+v, %v", size, err)
		}
	})
	t.Run("several streams on one server", func(t *testing.T) {
		t.Parallel()
		q := openShared(t, Options{Streams: 4})
		for range 8 {
			if _, err := q.Append(t.Context(), []event.Event{newEvent("a")}); err != nil {
				t.Fatal(err)
			}
		}
		for _, s := range q.streams {
			if length := do(t, q.options.URL, "HGET", s.size, "events"); length != "2" {
				t.Errorf("%s has %s events, want 2", s.events, length)
			}
		}
	})
}

// sharedFolder returns a folder that the server's user can enter, unlike the folder
// of testing.
func sharedFolder(t *testing.T, mode os.FileMode) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "eventagg-test-") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, mode); err != nil {
		t.Fatal(err)
	}
	return dir
}

// rights returns the rights that doc.go documents.
func rights() []string {
	return []string{"~{eventagg:*", "+@connection", "+@stream", "+@scripting", "+hmget", "+hincrby", "+hset", "+type", "+del", "+exists", "+time", "+config|get", "+info"}
}

func TestConsumer_MovesUnreadableEntriesWithTheirText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		fields []string
		text   string
	}{
		{"an entry of another program", []string{"a", "1", "b", "2"}, "a 1 b 2"},
		{"no delivery ID", []string{"n", "1", "b", "5", "e", "{}"}, "{}"},
		{"no events", []string{"d", "0123456789abcdef", "n", "1", "b", "0", "e", ""}, ""},
		{"an event cut off", []string{"d", "0123456789abcdef", "n", "1", "b", "9", "e", `{"topic":`}, `{"topic":`},
		{"counts that are not numbers", []string{"d", "0123456789abcdef", "n", "x", "b", "", "e", "\x00\xff"}, "\x00\xff"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			q := openShared(t, Options{})
			doWithKeys(t, q, append([]string{"XADD", "EVENTS", "*"}, test.fields...)...)
			c := q.Consumer("one")
			messages, err := c.Receive(t.Context(), time.Second)
			if err != nil || len(messages) != 1 || messages[0].Broken == nil || len(messages[0].Events) > 0 {
				t.Fatalf("received %+v, %v", messages, err)
			}
			if err := c.MoveToDeadLetters(t.Context(), messages[0], messages[0].Broken.Error()); err != nil {
				t.Fatalf("move to the dead letters: %v", err)
			}
			letters, err := q.DeadLetters(t.Context(), "", 10)
			if err != nil || len(letters) != 1 || letters[0].Text != test.text || letters[0].Reason != messages[0].Broken.Error() {
				t.Fatalf("dead letters %+v, %v", letters, err)
			}
			if count, err := q.Drop(t.Context(), []string{letters[0].ID}); err != nil || count != 1 {
				t.Errorf("drop returned %d, %v", count, err)
			}
			if again, err := c.Receive(t.Context(), 0); err != nil || len(again) > 0 {
				t.Errorf("received %+v, %v", again, err)
			}
		})
	}
}

func TestConsumer_ContinuesAfterTheServerWasEmptied(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t, testdb.RedisOptions{Durable: true})
	q := open(t, Options{URL: server.URL()})
	if at, err := q.LowWatermark(t.Context()); err != nil || !at.IsZero() {
		t.Errorf("the low watermark of an empty server is %v, %v", at, err)
	}
	c := q.Consumer("one")
	if _, err := q.Append(t.Context(), []event.Event{newEvent("lost")}); err != nil {
		t.Fatal(err)
	}
	if messages, err := c.Receive(t.Context(), time.Second); err != nil || len(messages) != 1 {
		t.Fatalf("received %+v, %v", messages, err)
	}
	do(t, server.URL(), "FLUSHALL")
	do(t, server.URL(), "SCRIPT", "FLUSH")
	for _, name := range []string{"claim", "prune", "leave"} {
		if err := map[string]func() error{
			"claim": func() error { _, err := c.Claim(t.Context(), 0); return err },
			"prune": func() error { return c.Prune(t.Context(), 0) },
			"leave": func() error { return c.Leave(t.Context()) },
		}[name](); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		do(t, server.URL(), "FLUSHALL")
	}
	if messages, err := c.Receive(t.Context(), 0); err != nil || len(messages) > 0 {
		t.Errorf("received %+v, %v", messages, err)
	}
	roundTrip(t, q)
}

// TestConsumer_RecoversLostReplies reads messages under the consumer's name, as a
// read whose reply is lost does.
func TestConsumer_RecoversLostReplies(t *testing.T) {
	t.Parallel()
	q := openShared(t, Options{})
	c, ok := q.Consumer("one").(*consumer)
	if !ok {
		t.Fatal("it is not a consumer of this package")
	}
	add := func(ids ...string) {
		t.Helper()
		for _, id := range ids {
			if _, err := q.Append(t.Context(), []event.Event{newEvent(id)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	add("a")
	if messages, err := c.Receive(t.Context(), time.Second); err != nil || len(messages) != 1 {
		t.Fatalf("received %+v, %v", messages, err)
	}
	many := strings.Split("b c d e f g h i j k l m", " ")
	add(many...)
	doWithKeys(t, q, "XREADGROUP", "GROUP", group, "one", "COUNT", "100", "STREAMS", "EVENTS", ">")
	c.replyLost[0] = true
	messages, err := c.Receive(t.Context(), time.Second)
	if err != nil || len(messages) != len(many) {
		t.Fatalf("received %d messages, %v, want %d", len(messages), err, len(many))
	}
	for _, m := range messages {
		if m.Deliveries != 1 {
			t.Errorf("message %+v", m)
		}
	}
	// A consumer with the name of one that is gone receives its messages.
	messages, err = q.Consumer("one").Receive(t.Context(), time.Second)
	if err != nil || len(messages) != 1+len(many) || messages[0].Deliveries != 2 {
		t.Errorf("the next consumer of that name received %+v, %v", messages, err)
	}
}

func TestReceive_HasAMaximum(t *testing.T) {
	t.Parallel()
	q := openShared(t, Options{})
	small := make([]event.Event, 10_000)
	for i := range small {
		small[i] = newEvent(strings.Repeat("x", 1+i%100))
	}
	large := newEvent("large")
	large.Payload = `{"text":"` + strings.Repeat("x", 1<<20) + `"}`
	if _, err := q.Append(t.Context(), slices.Concat(small, slices.Repeat([]event.Event{large}, 20))); err != nil {
		t.Fatal(err)
	}
	for range 200 {
		if _, err := q.Append(t.Context(), []event.Event{newEvent("a")}); err != nil {
			t.Fatal(err)
		}
	}
	c, total, calls := q.Consumer("one"), 0, 0
	for {
		messages, err := c.Receive(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(messages) == 0 {
			break
		}
		calls++
		events, bytes := 0, 0
		for _, m := range messages {
			events += len(m.Events)
			for _, e := range m.Events {
				bytes += e.Size()
			}
		}
		if events > receiveEvents || bytes > receiveBytes+(2<<20) {
			t.Errorf("one receive returned %d events, %d bytes", events, bytes)
		}
		total += events
		if err := c.Acknowledge(t.Context(), messages); err != nil {
			t.Fatal(err)
		}
	}
	if want := len(small) + 20 + 200; total != want || calls > 12 {
		t.Errorf("received %d events in %d calls, want %d", total, calls, want)
	}
	checkSize(t, q, queue.Size{})
}
