package event_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
)

// plain returns a valid event.
func plain() event.Event {
	return event.Event{
		Topic: "user_login", ID: "5f1c", Timestamp: time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC), Source: "web-1", Payload: `{"k":"v"}`,
	}
}

// with returns the plain event with a change.
func with(change func(e *event.Event)) event.Event {
	e := plain()
	change(&e)
	return e
}

func TestEvent_ValidateReturnsEveryFieldError(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(e *event.Event)
		want   []string
	}{
		{"a plain event is valid", func(*event.Event) {}, nil},
		{"the zero event has every error", func(e *event.Event) { *e = event.Event{} }, []string{
			"topic must not be empty or only white space", "event_id must not be empty or only white space",
			"source must not be empty or only white space", "payload must be a JSON object",
		}},
		{"texts that are not UTF-8", func(e *event.Event) { e.Topic, e.ID = "a\xff", "\xed\xa0\x80" }, []string{
			"topic must be valid UTF-8", "event_id must be valid UTF-8",
		}},
		{"a text too long by one byte", func(e *event.Event) { e.Source = strings.Repeat("s", 256) },
			[]string{"source must be at most 255 bytes of UTF-8, has 256"}},
		{"a time in another zone", func(e *event.Event) { e.Timestamp = e.Timestamp.In(time.FixedZone("", 3600)) },
			[]string{"timestamp must be in UTC and whole microseconds"}},
		{"a time in a zone that happens to be UTC", func(e *event.Event) { e.Timestamp = e.Timestamp.In(time.FixedZone("UTC", 0)) },
			[]string{"timestamp must be in UTC and whole microseconds"}},
		{"a time with nanoseconds", func(e *event.Event) { e.Timestamp = e.Timestamp.Add(999) },
			[]string{"timestamp must be in UTC and whole microseconds"}},
		{"a time before the first year", func(e *event.Event) { e.Timestamp = time.Time{}.Add(-time.Microsecond) },
			[]string{"timestamp must lie in the years 0001 to 9999 (UTC)"}},
		{"a time after the last year", func(e *event.Event) { e.Timestamp = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
			[]string{"timestamp must lie in the years 0001 to 9999 (UTC)"}},
		{"a payload with white space", func(e *event.Event) { e.Payload = `{"k": "v"}` },
			[]string{"payload must have no white space between its tokens"}},
		{"a payload with white space around it", func(e *event.Event) { e.Payload = ` {"k":"v"}` },
			[]string{"payload must have no white space between its tokens"}},
		{"a payload of two objects", func(e *event.Event) { e.Payload = `{"k":"v"}{}` },
			[]string{"payload must end after the JSON value"}},
		{"a payload with text after it", func(e *event.Event) { e.Payload = `{"k":"v"}]` },
			[]string{"payload must end after the JSON value"}},
		{"a truncated payload", func(e *event.Event) { e.Payload = `{"k":"v"` },
			[]string{"payload is not valid JSON: it ends too early"}},
		{"a payload that is not JSON", func(e *event.Event) { e.Payload = `{k:1}` },
			[]string{"payload is not valid JSON: invalid character 'k' at start of value at byte 1"}},
		{"a payload with U+0000", func(e *event.Event) { e.Payload = `{"k":"\u0000"}` },
			[]string{"payload must not contain the character U+0000"}},
		{"a payload with spaces inside strings only is valid", func(e *event.Event) { e.Payload = `{"a b":" \t"}` }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, eventtest.FieldErrors(with(test.change).Validate())); diff != "" {
				t.Errorf("field errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestKey_OrderIsBytewise(t *testing.T) {
	t.Parallel()
	ordered := []event.Key{ // no collation: capitals first, é after z, and the topic before the ID
		{}, {ID: "b"}, {Topic: "A", ID: "z"}, {Topic: "a", ID: ""}, {Topic: "a", ID: "B"}, {Topic: "a", ID: "a"}, {Topic: "a b", ID: ""},
		{Topic: "ab", ID: ""}, {Topic: "z", ID: ""}, {Topic: "é", ID: ""}, {Topic: "\uffff", ID: ""}, {Topic: "\U00010000", ID: ""},
	}
	for i, a := range ordered {
		for j, b := range ordered {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := a.Compare(b); got != want {
				t.Errorf("%q compared with %q is %d, want %d", a, b, got, want)
			}
		}
	}
}

func TestKey_IsTopicAndID(t *testing.T) {
	t.Parallel()
	if got, want := plain().Key(), (event.Key{Topic: "user_login", ID: "5f1c"}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestEvent_SizeGrowsWithEveryText(t *testing.T) {
	t.Parallel()
	base := plain().Size()
	for _, change := range []func(e *event.Event){
		func(e *event.Event) { e.Topic += "1234" }, func(e *event.Event) { e.ID += "1234" },
		func(e *event.Event) { e.Source += "1234" }, func(e *event.Event) { e.Payload += "1234" },
	} {
		if got := with(change).Size(); got != base+4 {
			t.Errorf("with four bytes more the size is %d, want %d", got, base+4)
		}
	}
}

func TestOutcome_HasAName(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[event.Outcome]string{
		event.Stored: "stored", event.Duplicate: "duplicate", event.Rejected: "rejected", 0: "unknown", 99: "unknown",
	} {
		if got := outcome.String(); got != want {
			t.Errorf("outcome %d is %q, want %q", uint8(outcome), got, want)
		}
	}
}
