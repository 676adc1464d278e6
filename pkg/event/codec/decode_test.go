package codec_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
)

// text returns the JSON of an event. The named members are replaced with raw
// JSON, or left out if that is "".
func text(replaced ...string) string {
	members := []string{
		"topic", `"user_login"`, "event_id", `"5f1c"`, "timestamp", `"2025-12-19T12:00:00Z"`, "source", `"web-1"`, "payload", `{"k":"v"}`,
	}
	var parts []string
	for i := 0; i < len(members); i += 2 {
		value := members[i+1]
		for j := 0; j < len(replaced); j += 2 {
			if replaced[j] == members[i] {
				value = replaced[j+1]
			}
		}
		if value != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", members[i], value))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// plain returns the event that text() decodes to.
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

func TestDecode_AcceptsValidEvents(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, json string
		want       event.Event
	}{
		{"a plain event", text(), plain()},
		{"white space around everything", " \t\r\n" + strings.NewReplacer(":", " : ", ",", " , ").
			Replace(text("timestamp", `"2025-12-19"`)) + "\n ", with(func(e *event.Event) { e.Timestamp = e.Timestamp.Add(-12 * time.Hour) })},
		{"members in another order", `{"payload":{"k":"v"},"source":"web-1","timestamp":"2025-12-19T12:00:00Z","event_id":"5f1c","topic":"user_login"}`, plain()},
		{"unknown members, twice and deep, are ignored", `{"x":1,"x":[[{"x":{"x":1}}]],"Topic":"no",` + text()[1:], plain()},
		{"a member's name written with escapes", strings.Replace(text(), `"topic"`, `"\u0074opic"`, 1), plain()},
		{"an unknown member with half a surrogate pair is ignored", `{"x":"\ud800",` + text()[1:], plain()},
		{"escapes in a text", text("topic", `"\u0061\/\"\\\u00e9\ud83d\ude00"`), with(func(e *event.Event) { e.Topic = `a/"\é😀` })},
		{"white space at the ends of a text is kept", text("event_id", `" a "`), with(func(e *event.Event) { e.ID = " a " })},
		{"a text of one invisible character", text("source", `"\u200b"`), with(func(e *event.Event) { e.Source = "\u200b" })},
		{"255 bytes of topic", text("topic", `"`+strings.Repeat("t", 255)+`"`), with(func(e *event.Event) { e.Topic = strings.Repeat("t", 255) })},
		{"254 bytes of topic in characters of two", text("topic", `"`+strings.Repeat("é", 127)+`"`), with(func(e *event.Event) { e.Topic = strings.Repeat("é", 127) })},
		{"512 bytes of event_id", text("event_id", `"`+strings.Repeat("😀", 128)+`"`), with(func(e *event.Event) { e.ID = strings.Repeat("😀", 128) })},
		{"255 bytes of source, six times as many when escaped", text("source", `"`+strings.Repeat(`\u0073`, 255)+`"`), with(func(e *event.Event) { e.Source = strings.Repeat("s", 255) })},
		{"an empty payload", text("payload", `{}`), with(func(e *event.Event) { e.Payload = `{}` })},
		{"a payload loses the white space between its tokens alone", text("payload", "{ \"a b\" : [ 1 ,\t\"c  d\" ] }"), with(func(e *event.Event) { e.Payload = `{"a b":[1,"c  d"]}` })},
		{"numbers stay as written", text("payload", `{"n":[1.0,-0,1E+2,9007199254740993,0.10]}`), with(func(e *event.Event) { e.Payload = `{"n":[1.0,-0,1E+2,9007199254740993,0.10]}` })},
		{"strings stay as written", text("payload", `{"\u0061":"\/\u00e9é\ud83d\ude00"}`), with(func(e *event.Event) { e.Payload = `{"\u0061":"\/\u00e9é\ud83d\ude00"}` })},
		{"the six characters of an escape are not U+0000", text("payload", `{"k":"\\u0000"}`), with(func(e *event.Event) { e.Payload = `{"k":"\\u0000"}` })},
		{"equal names in different objects", text("payload", `{"a":{"a":1},"b":{"a":1}}`), with(func(e *event.Event) { e.Payload = `{"a":{"a":1},"b":{"a":1}}` })},
		{"names that differ in case", text("payload", `{"a":1,"A":1}`), with(func(e *event.Event) { e.Payload = `{"a":1,"A":1}` })},
		{"64 levels", text("payload", nested(64)), with(func(e *event.Event) { e.Payload = nested(64) })},
		{"a number of 1000 digits", text("payload", `{"n":1e999}`), with(func(e *event.Event) { e.Payload = `{"n":1e999}` })},
		{"a fraction of 999 digits", text("payload", `{"n":1e-999}`), with(func(e *event.Event) { e.Payload = `{"n":1e-999}` })},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := codec.Decode([]byte(test.json))
			if err != nil || got != test.want {
				t.Fatalf("got %+v, %v, want %+v", got, err, test.want)
			}
			if err := got.Validate(); err != nil {
				t.Errorf("what was decoded is not valid: %v", err)
			}
		})
	}
}

// nested returns an object with this many levels.
func nested(levels int) string {
	return strings.Repeat(`{"n":`, levels-1) + "{}" + strings.Repeat("}", levels-1)
}

func TestDecode_ReturnsEveryFieldError(t *testing.T) {
	t.Parallel()
	const space = "must not be empty or only white space"
	for _, test := range []struct {
		name, json string
		want       []string // field and message of each error
	}{
		{"an empty text", "", []string{"body is empty; expected a JSON object"}},
		{"white space", " \n", []string{"body is empty; expected a JSON object"}},
		{"null", "null", []string{"body must be a JSON object"}},
		{"an array", "[" + text() + "]", []string{"body must be a JSON object"}},
		{"a string", `"event"`, []string{"body must be a JSON object"}},
		{"a number", `1`, []string{"body must be a JSON object"}},
		{"a word", "event", []string{"body is not valid JSON: invalid character 'e' at start of value at byte 0"}},
		{"two byte order marks", "\ufeff\ufeff" + text(), []string{"body is not valid JSON: invalid character '\\ufeff' at start of value at byte 0"}},
		{"names in another style", `{"Topic":"t","eventId":"e","time-stamp":"2025-12-19","SOURCE":"s","Payload":{}}`, []string{
			"topic is required; the event has Topic: did you mean topic?", "event_id is required; the event has eventId: did you mean event_id?",
			"timestamp is required; the event has time-stamp: did you mean timestamp?", "source is required; the event has SOURCE: did you mean source?",
			"payload is required; the event has Payload: did you mean payload?",
		}},
		{"a truncated text", text()[:40], []string{"body is not valid JSON: it ends too early"}},
		{"an object without its closing brace", text()[:len(text())-1], []string{"body is not valid JSON: it ends too early"}},
		{"a trailing comma", `{"topic":"a",}`, []string{"body is not valid JSON: invalid character ',' at start of value at byte 12"}},
		{"single quotes", `{'topic':'a'}`, []string{`body is not valid JSON: invalid character '\'' at start of value at byte 1`}},
		{"two events", text() + text(), []string{"body must end after the JSON object"}},
		{"text after the event", text() + "x", []string{"body must end after the JSON object"}},

		{"an empty object lacks everything", "{}", []string{
			"topic is required", "event_id is required", "timestamp is required", "source is required", "payload is required",
		}},
		{"null is invalid for every member", text("topic", "null", "event_id", "null", "timestamp", "null", "source", "null", "payload", "null"), []string{
			"topic must not be null", "event_id must not be null", "timestamp must not be null", "source must not be null", "payload must not be null",
		}},
		{"other types", text("topic", "1", "event_id", "{}", "timestamp", "1766145600", "source", "[]", "payload", `"{}"`), []string{
			"topic must be a string", "event_id must be a string", "timestamp must be an ISO 8601 date and time such as 2025-12-19T12:00:00Z, not a number of seconds or milliseconds", "source must be a string", "payload must be a JSON object",
		}},
		{"every error at once", text("topic", `""`, "event_id", "", "timestamp", `"yesterday"`, "source", `"a\u0000"`, "payload", "[]"), []string{
			"topic " + space, "event_id is required", "timestamp must be an ISO 8601 date and time such as 2025-12-19T12:00:00Z",
			"source must not contain control characters", "payload must be a JSON object",
		}},
		{"several errors in one field", text("topic", `"`+strings.Repeat(`\u0085`, 128)+`"`), []string{
			"topic must be at most 255 bytes of UTF-8, has 256", "topic " + space, "topic must not contain control characters",
		}},
		{"a member twice", `{"topic":"other",` + text()[1:], []string{"topic must not be there twice"}},
		{"a member many times is one error", `{"source":"a","source":"b",` + text()[1:], []string{
			"source must not be there twice",
		}},

		{"an empty text", text("topic", `""`), []string{"topic " + space}},
		{"spaces of all kinds", text("source", `" \u00a0\u3000\u2028"`), []string{"source " + space}},
		{"256 bytes of topic", text("topic", `"`+strings.Repeat("t", 256)+`"`), []string{"topic must be at most 255 bytes of UTF-8, has 256"}},
		{"256 bytes of topic in 128 characters", text("topic", `"`+strings.Repeat("é", 128)+`"`), []string{"topic must be at most 255 bytes of UTF-8, has 256"}},
		{"513 bytes of event_id", text("event_id", `"`+strings.Repeat("i", 513)+`"`), []string{"event_id must be at most 512 bytes of UTF-8, has 513"}},
		{"256 bytes of source", text("source", `"`+strings.Repeat("s", 256)+`"`), []string{"source must be at most 255 bytes of UTF-8, has 256"}},
		{"U+0000 in a text", text("event_id", `"a\u0000b"`), []string{"event_id must not contain control characters"}},
		{"a line break in a text", text("topic", `"a\nb"`), []string{"topic must not contain control characters"}},
		{"DEL in a text", text("topic", "\"a\u007f\""), []string{"topic must not contain control characters"}},
		{"a control character of Latin-1", text("topic", "\"a\u009f\""), []string{"topic must not contain control characters"}},
		{"half a surrogate pair in a text", text("event_id", `"a\ud800"`), []string{"event_id must be valid UTF-8 without lone surrogates"}},
		{"bytes that are not UTF-8 in a text", text("source", "\"\xff\""), []string{"source must be valid UTF-8 without lone surrogates"}},
		{"a raw control character is not JSON", text("topic", "\"a\x00\""), []string{`body is not valid JSON: invalid character '\x00' in string (expecting non-control character) at byte 11`}},

		{"U+0000 in a payload", text("payload", `{"k":["\u0000"]}`), []string{"payload must not contain the character U+0000"}},
		{"U+0000 in a name", text("payload", `{"a\u0000":1}`), []string{"payload must not contain the character U+0000"}},
		{"U+0000 after an escaped backslash", text("payload", `{"k":"\\\u0000"}`), []string{"payload must not contain the character U+0000"}},
		{"the first half of a pair in a payload", text("payload", `{"k":"\ud83d"}`), []string{"payload must be valid UTF-8 without lone surrogates"}},
		{"the second half of a pair in a payload", text("payload", `{"k":"\ude00"}`), []string{"payload must be valid UTF-8 without lone surrogates"}},
		{"half a pair in a name", text("payload", `{"\ud83d":1}`), []string{"payload must be valid UTF-8 without lone surrogates"}},
		{"bytes that are not UTF-8 in a payload", text("payload", "{\"k\":\"\xc3\x28\"}"), []string{"payload must be valid UTF-8 without lone surrogates"}},
		{"a surrogate in UTF-8 in a payload", text("payload", "{\"k\":\"\xed\xa0\x80\"}"), []string{"payload must be valid UTF-8 without lone surrogates"}},
		{"a name twice", text("payload", `{"a":1,"b":2,"a":3}`), []string{"payload must not have the same member name twice in one object"}},
		{"a name twice, once escaped, deep down", text("payload", `{"x":[{"a":1,"\u0061":2}]}`), []string{"payload must not have the same member name twice in one object"}},
		{"65 levels", text("payload", nested(65)), []string{"payload must not be nested deeper than 64 levels"}},
		{"65 levels of arrays", text("payload", `{"n":`+strings.Repeat("[", 64)+strings.Repeat("]", 64)+`}`), []string{"payload must not be nested deeper than 64 levels"}},
		{"a number of 1001 digits", text("payload", `{"n":1e1000}`), []string{"payload must not have a number of more than 1000 digits written out in full"}},
		{"a fraction that makes 1001 digits", text("payload", `{"n":1e-1000}`), []string{"payload must not have a number of more than 1000 digits written out in full"}},
		{"a number that is short with an exponent only", text("payload", `{"n":1e131071}`), []string{"payload must not have a number of more than 1000 digits written out in full"}},
		{"an exponent above all integers", text("payload", `{"n":1e-99999999999999999999}`), []string{"payload must not have a number of more than 1000 digits written out in full"}},
		{"1001 digits written out", text("payload", `{"n":`+strings.Repeat("1", 1001)+`}`), []string{"payload must not have a number of more than 1000 digits written out in full"}},
		{"NaN is not JSON", text("payload", `{"n":NaN}`), []string{fmt.Sprintf("body is not valid JSON: invalid character 'N' at start of value at byte %d", strings.Index(text("payload", "@N"), "@")+5)}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := codec.Decode([]byte(test.json))
			if diff := cmp.Diff(test.want, eventtest.FieldErrors(err)); diff != "" {
				t.Errorf("field errors (-want +got):\n%s", diff)
			}
			if got != (event.Event{}) {
				t.Errorf("besides the error it returned %+v, want no event", got)
			}
		})
	}
}

func TestDecode_KeepsNoReferenceToItsInput(t *testing.T) {
	t.Parallel()
	data := []byte(text())
	got, err := codec.Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		data[i] = '#'
	}
	if got != plain() {
		t.Errorf("after its input was overwritten the event is %+v", got)
	}
}

func TestDecode_DoesNotChangeItsInput(t *testing.T) {
	t.Parallel()
	data := []byte(text("payload", "{ \"a\" : [ 1 , 2 ] }"))
	before := string(data)
	if _, err := codec.Decode(data); err != nil || string(data) != before {
		t.Errorf("the input became %s (%v)", data, err)
	}
}

func TestInvalidError_ListsFieldErrors(t *testing.T) {
	t.Parallel()
	_, err := codec.Decode([]byte(text("topic", "", "source", "null")))
	if want := "invalid event: topic is required; source must not be null"; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestDecode_IgnoresAByteOrderMark(t *testing.T) {
	t.Parallel()
	want, err := codec.Decode([]byte(text()))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := codec.Decode([]byte("\ufeff" + text())); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}
