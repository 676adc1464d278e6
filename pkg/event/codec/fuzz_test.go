package codec_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
)

// FuzzDecode checks that a decoded event is valid, has a payload of strict JSON,
// and is equal after it was encoded and decoded.
func FuzzDecode(f *testing.F) {
	for _, seed := range eventtest.Seeds() {
		f.Add([]byte(seed))
	}
	decoder := codec.NewDecoder()
	f.Fuzz(func(t *testing.T, data []byte) {
		before := string(data)
		got, err := codec.Decode(data)
		if string(data) != before {
			t.Fatalf("the input became %q", data)
		}
		if again, errAgain := decoder.Decode(data); again != got || (errAgain == nil) != (err == nil) {
			t.Fatalf("a used decoder returns %+v, %v, a new one %+v, %v", again, errAgain, got, err)
		}
		if err != nil {
			if len(eventtest.FieldErrors(err)) == 0 || got != (event.Event{}) {
				t.Fatalf("rejected with %v and %+v, want field errors and no event", err, got)
			}
			return
		}
		if err := got.Validate(); err != nil {
			t.Fatalf("decoded, but %v", err)
		}
		checkPayload(t, got.Payload)
		encoded := codec.Append(nil, got)
		if again, err := codec.Decode(encoded); err != nil || again != got {
			t.Fatalf("encoded as %s and decoded to %+v, %v, want %+v", encoded, again, err, got)
		}
	})
}

// checkPayload checks a payload with functions of package jsontext.
func checkPayload(t *testing.T, payload string) {
	t.Helper()
	value := jsontext.Value(payload)
	if !value.IsValid() || value.Kind() != '{' {
		t.Fatalf("the payload %s is not a strict JSON object", payload)
	}
	compact := value.Clone()
	if err := compact.Compact(); err != nil || string(compact) != payload {
		t.Fatalf("the payload %s is not compact: %s, %v", payload, compact, err)
	}
	if strings.Contains(canonical(t, payload), "\\u0000") && !strings.Contains(canonical(t, payload), `\\u0000`) {
		t.Fatalf("the payload %s has U+0000", payload)
	}
}

// FuzzValidate checks that an event made in Go is valid if and only if it is
// equal after it was encoded and decoded.
func FuzzValidate(f *testing.F) {
	f.Add("topic", "id", int64(1766145600000000), "source", `{"k":"v"}`)
	f.Add(" ", "\x00", int64(-62135596800000000), strings.Repeat("é", 128), `{"k":"v"}{}`)
	f.Add("\xff", "\u0085", int64(253402300799999999), "\u200b", `{"a":1e1000,"b":"\ud800"}`)
	f.Fuzz(func(t *testing.T, topic, id string, micros int64, source, payload string) {
		e := event.Event{Topic: topic, ID: id, Timestamp: time.UnixMicro(micros).UTC(), Source: source, Payload: payload}
		encoded := codec.Append(nil, e)
		got, err := codec.Decode(encoded)
		if errValid := e.Validate(); errValid != nil {
			// An invalid event may decode to another event, because invalid
			// UTF-8 is replaced and white space dropped, but never to itself.
			if err == nil && got == e {
				t.Fatalf("decoded to itself, but %v", errValid)
			}
			return
		}
		if err != nil || got != e {
			t.Fatalf("encoded as %s and decoded to %+v, %v, want %+v", encoded, got, err, e)
		}
	})
}
