package server

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/queue"
	"github.com/eventagg/eventagg/pkg/store"
)

// fakeQueue is a queue with a fixed size and health.
type fakeQueue struct {
	size queue.Size
	err  error
}

func (q fakeQueue) Ping(context.Context) error               { return q.err }
func (q fakeQueue) Size(context.Context) (queue.Size, error) { return q.size, q.err }

// withQueue is an option that adds a queue. If durable is false, the server queues
// events unless the client waits for the store.
func withQueue(q fakeQueue, durable bool) func(*Options) {
	return func(o *Options) {
		o.Queue, o.Direct = q, o.Appender
		o.Async = &memory{outcome: event.Queued}
		if !durable {
			o.Appender = o.Async
		}
	}
}

const twoEvents = `[{"topic":"t","event_id":"1","timestamp":"2025-12-19","source":"s","payload":{}},` +
	`{"topic":"t","event_id":"2","timestamp":"2025-12-19","source":"s","payload":{}}]`

func oneEvent(id string) string {
	return `{"topic":"t","event_id":"` + id + `","timestamp":"2025-12-19","source":"s","payload":{}}`
}

func TestPublish_QueuedEvents(t *testing.T) {
	t.Parallel()
	queuedOne := `{"status":"queued","message":"event is queued durably; it will be stored, or counted as a duplicate","topic":"t","event_id":"1"}`
	lines := oneEvent("1") + "\n" + oneEvent("2") + "\n"
	for name, row := range map[string]struct {
		durable bool
		body    string
		headers []string
		status  int
		want    string
		applied string
	}{
		"the server queues": {false, oneEvent("1"), nil, 202, queuedOne, ""},
		"the client prefers respond-async": {
			true, oneEvent("1"), []string{"Prefer", "respond-async"}, 202, queuedOne, "respond-async",
		},
		"the server waits for the store": {
			true, oneEvent("1"), nil, 200, `{"status":"success","message":"event stored","topic":"t","event_id":"1"}`, "",
		},
		"the client prefers wait": {
			false, oneEvent("1"), []string{"Prefer", "wait=5"}, 200, `{"status":"success","message":"event stored","topic":"t","event_id":"1"}`, "",
		},
		"wait overrides respond-async": {
			false, oneEvent("1"), []string{"Prefer", "respond-async, wait=5"}, 200, `{"status":"success","message":"event stored","topic":"t","event_id":"1"}`, "",
		},
		"an array": {
			false, twoEvents, nil, 202,
			`{"received":2,"success":0,"ignored":0,"queued":2,"invalid":0,"results":[{"status":"queued"},{"status":"queued"}]}`, "",
		},
		"an array with a minimal response": {
			false, twoEvents, []string{"Prefer", "return=minimal, respond-async"}, 202,
			`{"received":2,"success":0,"ignored":0,"queued":2,"invalid":0,"results":[]}`, "return=minimal,respond-async",
		},
		"an array with an invalid event": {
			false, `[` + oneEvent("1") + `,7]`, nil, 207,
			`{"received":1,"success":0,"ignored":0,"queued":1,"invalid":1,"results":[{"status":"queued"},` +
				`{"status":"invalid","errors":[{"field":"body","message":"must be a JSON object"}]}]}`, "",
		},
		"lines": {
			false, lines, []string{"Content-Type", "application/x-ndjson"}, 202,
			`{"received":2,"success":0,"ignored":0,"queued":2,"invalid":0,"results":[]}`, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serverWith(&memory{}, withQueue(fakeQueue{}, row.durable))
			response := send(s, "POST", "/publish", row.body, row.headers...)
			if response.Code != row.status || strings.TrimSpace(response.Body.String()) != row.want {
				t.Errorf("got %d %s", response.Code, response.Body)
			}
			if got := strings.Join(response.Header().Values("Preference-Applied"), ","); got != row.applied {
				t.Errorf("preferences applied: %q", got)
			}
		})
	}
}

func TestPublish_PreferWaitEndsWith503(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &memory{hold: make(chan struct{})}
		s := serverWith(m, withQueue(fakeQueue{}, false))
		begin := time.Now()
		response := send(s, "POST", "/publish", oneEvent("1"), "Prefer", "wait=3")
		if took := time.Since(begin); response.Code != 503 || took != 3*time.Second || response.Header().Get("Retry-After") == "" {
			t.Errorf("after %v: %d %s", took, response.Code, response.Body)
		}
	})
}

func TestReadyz_WithQueue(t *testing.T) {
	t.Parallel()
	unavailable := fmt.Errorf("ping: %w", store.ErrUnavailable)
	for name, row := range map[string]struct {
		store, queue error
		draining     bool
		want         string
	}{
		"store and queue are available": {nil, nil, false, `200 {"status":"ok","checks":{"broker":"ok","server":"ok","store":"ok"}}`},
		"only the store is unavailable": {unavailable, nil, false, `200 {"status":"degraded","checks":{"broker":"ok","server":"ok","store":"unavailable"}}`},
		"only the queue is unavailable": {nil, unavailable, false, `200 {"status":"degraded","checks":{"broker":"unavailable","server":"ok","store":"ok"}}`},
		"both are unavailable":          {unavailable, unavailable, false, `503 {"status":"unavailable","checks":{"broker":"unavailable","server":"ok","store":"unavailable"}}`},
		"the queue is not durable":      {nil, fmt.Errorf("%w: x", store.ErrNotDurable), false, `200 {"status":"degraded","checks":{"broker":"not durable; see the log","server":"ok","store":"ok"}}`},
		"the server drains":             {nil, nil, true, `503 {"status":"unavailable","checks":{"broker":"ok","server":"draining","store":"ok"}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serverWith(&memory{fail: row.store}, withQueue(fakeQueue{err: row.queue}, true))
			if row.draining {
				s.Drain()
			}
			response := send(s, "GET", "/readyz", "")
			if got := fmt.Sprint(response.Code, " ", strings.TrimSpace(response.Body.String())); got != row.want {
				t.Errorf("got %s\nwant %s", got, row.want)
			}
		})
	}
}

func TestStats_HaveQueueSize(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{}, withQueue(fakeQueue{size: queue.Size{Events: 12, DeadLetters: 3}}, true))
	if got := send(s, "GET", "/stats", "").Body.String(); !strings.HasSuffix(got, `,"queued":12,"dead_letters":3}`+"\n") {
		t.Errorf("got %s", got)
	}
	s = serverWith(&memory{}, withQueue(fakeQueue{err: errors.New("unavailable")}, true))
	if response := send(s, "GET", "/stats", ""); response.Code != 200 || strings.Contains(response.Body.String(), "queued") {
		t.Errorf("without the queue: %d %s", response.Code, response.Body)
	}
}

func TestPublish_WithoutAppenderIs404(t *testing.T) {
	t.Parallel()
	s := serverWith(&memory{}, func(o *Options) { o.Appender = nil })
	if response := send(s, "POST", "/publish", oneEvent("1")); response.Code != 404 {
		t.Errorf("publish: %d %s", response.Code, response.Body)
	}
	if response := send(s, "GET", "/stats", ""); response.Code != 200 {
		t.Errorf("stats: %d %s", response.Code, response.Body)
	}
}
