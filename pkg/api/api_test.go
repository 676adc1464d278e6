package api_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
	"github.com/eventagg/eventagg/pkg/store"
)

// Clients depend on these shapes: a change of this test breaks them.
func TestTypes_JSONShapes(t *testing.T) {
	t.Parallel()
	noon := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	record := store.Record{
		Event:     event.Event{Topic: "user_login", ID: "5f1c", Timestamp: noon, Source: "web-1", Payload: `{"n":1.50}`},
		CreatedAt: noon.Add(1500 * time.Microsecond), Position: store.Position{Commit: 7, Seq: 1},
	}
	for _, test := range []struct {
		name  string
		value any
		want  string
	}{
		{
			"an event that was published", api.Published{Status: api.StatusSuccess, Message: "stored", Topic: "user_login", EventID: "5f1c"},
			`{"status":"success","message":"stored","topic":"user_login","event_id":"5f1c"}`,
		},
		{
			"a duplicate", api.Published{Status: api.StatusIgnored, Message: "was there already", Topic: "user_login", EventID: "5f1c"},
			`{"status":"ignored","message":"was there already","topic":"user_login","event_id":"5f1c"}`,
		},
		{
			"a problem without details", api.Problem{Type: api.ProblemBlank, Title: "Not Found", Status: 404},
			`{"type":"about:blank","title":"Not Found","status":404}`,
		},
		{
			"a problem with field errors",
			api.Problem{
				Type: api.ProblemBlank, Title: "Unprocessable Entity", Status: 422, Detail: "invalid event",
				Errors: []event.FieldError{{Field: "topic", Message: "is required"}, {Field: "source", Message: "must not be null"}},
			},
			`{"type":"about:blank","title":"Unprocessable Entity","status":422,"detail":"invalid event",` +
				`"errors":[{"field":"topic","message":"is required"},{"field":"source","message":"must not be null"}]}`,
		},
		{
			"the totals", api.Stats{Received: 3, Stored: 2, Duplicates: 1, Topics: 1, UptimeSeconds: 12.3},
			`{"received":3,"unique_processed":2,"duplicate_dropped":1,"conflicts":0,"stored_events":0,"topics_active":1,"uptime_seconds":12.3}`,
		},
		{"the totals of an empty store", api.Stats{}, `{"received":0,"unique_processed":0,"duplicate_dropped":0,"conflicts":0,"stored_events":0,"topics_active":0,"uptime_seconds":0}`},
		{
			"the totals of a topic", api.TopicStats{Topic: "user_login", Stored: 2, Duplicates: 1, FirstSeen: noon, LastSeen: noon.Add(time.Second)},
			`{"topic":"user_login","unique_processed":2,"duplicate_dropped":1,"conflicts":0,"first_seen":"2025-12-19T12:00:00Z","last_seen":"2025-12-19T12:00:01Z"}`,
		},
		{
			"a stored event, without its position", shown(record),
			`{"topic":"user_login","event_id":"5f1c","timestamp":"2025-12-19T12:00:00Z","source":"web-1","payload":{"n":1.50},` +
				`"created_at":"2025-12-19T12:00:00.0015Z"}`,
		},
		{"health without checks", api.Health{Status: "ok"}, `{"status":"ok"}`},
		{
			"health with checks", api.Health{Status: "unavailable", Checks: map[string]string{"store": "down"}, Version: "v1"},
			`{"status":"unavailable","checks":{"store":"down"},"version":"v1"}`,
		},
	} {
		got, err := json.Marshal(test.value)
		if err != nil || string(got) != test.want {
			t.Errorf("%s is written as %s (%v), want %s", test.name, got, err, test.want)
		}
	}
}

// shown returns a stored event as the server shows it.
func shown(r store.Record) api.Event {
	return api.Event{
		Topic: r.Topic, EventID: r.ID, Timestamp: r.Timestamp, Source: r.Source,
		Payload: json.RawMessage(r.Payload), CreatedAt: r.CreatedAt,
	}
}

func TestEvent_IsReadBackEqual(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := store.Record{
			Event:     eventtest.Events().Draw(t, "event"),
			CreatedAt: eventtest.Times().Draw(t, "created at"),
		}
		var wire bytes.Buffer
		encoder := json.NewEncoder(&wire)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(shown(want)); err != nil {
			t.Fatal(err)
		}
		var read api.Event
		if err := json.Unmarshal(wire.Bytes(), &read); err != nil {
			t.Fatalf("%s: %v", wire.Bytes(), err)
		}
		if got := read.Record(); got != want {
			t.Fatalf("%s is read as %+v, want %+v", wire.Bytes(), got, want)
		}
	})
}

func TestEvent_TimesAreReadAsUTC(t *testing.T) {
	t.Parallel()
	var read api.Event
	if err := json.Unmarshal([]byte(`{"timestamp":"2025-12-19T19:00:00+07:00","created_at":"2025-12-19T11:00:00-01:00"}`), &read); err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	if got := read.Record(); got.Timestamp != noon || got.CreatedAt != noon {
		t.Errorf("read as %v and %v, want %v in UTC", got.Timestamp, got.CreatedAt, noon)
	}
}
