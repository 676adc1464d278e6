package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// rejecting is a server that has stored the event first of topic t, rejects conflicts of
// that topic, and counts outcomes.
func rejecting(t *testing.T) (s *Server, m *memory, counted func() event.Tally) {
	t.Helper()
	var mu sync.Mutex
	var tally event.Tally
	m = &memory{}
	s = serverWith(m, func(o *Options) {
		o.ConflictRejected = func(topic string) bool { return topic == "t" }
		o.OnEvents = func(_ string, more event.Tally) {
			mu.Lock()
			defer mu.Unlock()
			tally = tally.Add(more)
		}
	})
	for _, topic := range []string{"t", "other"} {
		if response := send(s, http.MethodPost, api.PathPublish, keyed(topic, "first", "1")); response.Code != http.StatusOK {
			t.Fatal(response.Body)
		}
	}
	return s, m, func() event.Tally {
		mu.Lock()
		defer mu.Unlock()
		return tally
	}
}

// keyed is the text of an event whose payload has a number.
func keyed(topic, id, number string) string {
	return `{"topic":"` + topic + `","event_id":"` + id + `","timestamp":"2025-12-19T12:00:00Z","source":"s","payload":{"n":` + number + `}}`
}

func TestPublish_RejectsConflictsByPolicy(t *testing.T) {
	t.Parallel()
	lines := []string{"Content-Type", api.TypeLines}
	const refused = `"status":"invalid","errors":[{"field":"event_id","message":"belongs to another stored event, and this one differs; it was counted as a duplicate and dropped"}]}`
	for name, row := range map[string]struct {
		body    string
		headers []string
		status  int
		want    string
		counted event.Tally // in addition to the two stored events
	}{
		"the same event is ignored":   {keyed("t", "first", "1"), nil, 200, `"status":"ignored"`, event.Tally{Duplicate: 1}},
		"another content is a 409":    {keyed("t", "first", "2"), nil, 409, `"type":"urn:eventagg:problem:conflict"`, event.Tally{Duplicate: 1, Conflict: 1}},
		"another topic has no policy": {keyed("other", "first", "2"), nil, 200, `"conflict":true`, event.Tally{Duplicate: 1, Conflict: 1}},
		"in a batch the event is invalid": {
			"[" + keyed("t", "first", "2") + "," + keyed("t", "new", "2") + "," + keyed("other", "first", "2") + "]", nil, 207,
			`{"received":2,"success":1,"ignored":1,"invalid":1,"results":[{` + refused + `,{"status":"success"},{"status":"ignored","conflict":true}]}`,
			event.Tally{Stored: 1, Duplicate: 2, Conflict: 2},
		},
		"a batch of conflicts only": {
			"[" + keyed("t", "first", "2") + "]", nil, 422, `{"received":0,"success":0,"ignored":0,"invalid":1,"results":[{` + refused,
			event.Tally{Duplicate: 1, Conflict: 1},
		},
		"a batch with lenient handling": {
			"[" + keyed("t", "first", "2") + "]", []string{"Prefer", "handling=lenient"}, 200, `"invalid":1`, event.Tally{Duplicate: 1, Conflict: 1},
		},
		"a line is invalid": {
			keyed("t", "new", "1") + "\n" + keyed("t", "first", "2") + "\n", lines, 207,
			`{"received":1,"success":1,"ignored":0,"invalid":1,"results":[{"line":2,` + refused, event.Tally{Stored: 1, Duplicate: 1, Conflict: 1},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, m, counted := rejecting(t)
			response := send(s, http.MethodPost, api.PathPublish, row.body, row.headers...)
			if response.Code != row.status || !strings.Contains(response.Body.String(), row.want) {
				t.Errorf("got %d %s, want %d %s", response.Code, response.Body, row.status, row.want)
			}
			row.counted.Stored += 2
			if got := counted(); got != row.counted {
				t.Errorf("counted %+v, want %+v", got, row.counted)
			}
			if stats, _ := m.Stats(t.Context()); stats.Duplicates != row.counted.Duplicate || stats.Stored != row.counted.Stored {
				t.Errorf("the store counts %+v, want %+v", stats, row.counted)
			}
		})
	}
}

// TestPublish_TimeOfServerIsNoConflict: without a timestamp, a sender that repeats an event
// is distinguished from one that sends another event under the same key.
func TestPublish_TimeOfServerIsNoConflict(t *testing.T) {
	t.Parallel()
	const noTime = `{"topic":"t","event_id":"first","source":"s","payload":{"n":%d}}`
	cloud := func(value string) string {
		return `{"specversion":"1.0","type":"t","source":"/s","id":"1","data":` + value + `}`
	}
	for name, row := range map[string]struct {
		query, body, contentType string
		status                   int
	}{
		"the repeat has no time":              {"?defaults=true", fmt.Sprintf(noTime, 1), api.TypeJSON, 200},
		"it has no time and another payload":  {"?defaults=true", fmt.Sprintf(noTime, 2), api.TypeJSON, 409},
		"it has another time":                 {"?defaults=true", strings.Replace(keyed("t", "first", "1"), ":00Z", ":01Z", 1), api.TypeJSON, 409},
		"a CloudEvent has no time":            {"", cloud("1"), api.TypeCloudEvent, 200},
		"a CloudEvent has neither time nor n": {"", cloud("2"), api.TypeCloudEvent, 409},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := time.Date(2025, 12, 19, 13, 0, 0, 0, time.UTC)
			m := &memory{}
			s := serverWith(m, func(o *Options) {
				o.ConflictRejected = func(string) bool { return true }
				o.Now = func() time.Time { return now }
			})
			send(s, http.MethodPost, api.PathPublish, keyed("t", "first", "1"))
			send(s, http.MethodPost, api.PathPublish, cloud("1"), "Content-Type", api.TypeCloudEvent)
			now = now.Add(time.Second)
			response := send(s, http.MethodPost, api.PathPublish+row.query, row.body, "Content-Type", row.contentType)
			if response.Code != row.status {
				t.Errorf("got %d %s, want %d", response.Code, response.Body, row.status)
			}
		})
	}
}

func TestPublish_ConflictHasBothDigests(t *testing.T) {
	t.Parallel()
	s, m, _ := rejecting(t)
	digests := func() (problem api.Problem) {
		t.Helper()
		response := send(s, http.MethodPost, api.PathPublish, keyed("t", "first", "2"))
		if err := json.Unmarshal(response.Body.Bytes(), &problem); err != nil || response.Code != http.StatusConflict {
			t.Fatalf("%d %s: %v", response.Code, response.Body, err)
		}
		return problem
	}
	const length = 32
	first := digests()
	if len(first.SentDigest) != length || len(first.StoredDigest) != length || first.SentDigest == first.StoredDigest {
		t.Errorf("sent %q, stored %q", first.SentDigest, first.StoredDigest)
	}
	m.mu.Lock()
	m.unreadable = store.ErrUnavailable
	m.mu.Unlock()
	if again := digests(); again.SentDigest != first.SentDigest || again.StoredDigest != "" {
		t.Errorf("without the stored event: sent %q, stored %q", again.SentDigest, again.StoredDigest)
	}
}

func TestPublish_RepresentationOfADuplicate(t *testing.T) {
	t.Parallel()
	all, option := withKeys(t, 0, someEntries()...)
	cursor := api.Cursor{Newer: true, Position: store.Position{Commit: 1, Seq: 1}}.String()
	receipt := `,"stored":{"created_at":"2025-12-19T12:00:01Z","source":"s","cursor":"` + cursor + `"}}` + "\n"
	const preference = "return=representation"
	for name, row := range map[string]struct {
		key, body, prefer string
		applied           bool
	}{
		"a duplicate":                      {"t1", keyed("t1", "first", "1"), preference, true},
		"a conflict":                       {"t1", keyed("t1", "first", "2"), "wait=5, " + preference, true},
		"a new event":                      {"t1", keyed("t1", "new", "1"), preference, false},
		"a key that may not read":          {"publisher", keyed("t1", "first", "1"), preference, false},
		"a batch":                          {"t1", "[" + keyed("t1", "first", "1") + "]", preference, false},
		"a duplicate without a preference": {"t1", keyed("t1", "first", "1"), "return=minimal", false},
		"a response without a body":        {"t1", keyed("t1", "first", "1"), "reply, " + preference, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serverWith(&memory{}, option)
			publish := func(body, prefer string) (body2, applied string) {
				response := send(s, http.MethodPost, api.PathPublish, body, "Prefer", prefer, "Authorization", bearer(all[row.key]))
				if response.Code/100 != 2 {
					t.Fatalf("%d %s", response.Code, response.Body)
				}
				return response.Body.String(), response.Header().Get("Preference-Applied")
			}
			publish(keyed("t1", "first", "1"), "")
			got, applied := publish(row.body, row.prefer)
			if strings.HasSuffix(got, receipt) != row.applied || (applied == preference) != row.applied {
				t.Errorf("got %s, applied %q", got, applied)
			}
		})
	}
}
