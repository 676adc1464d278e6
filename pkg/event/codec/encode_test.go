package codec_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
)

func TestAppend_WritesCompactJSON(t *testing.T) {
	t.Parallel()
	e := with(func(e *event.Event) { e.Topic, e.Source = `say "hi"\`, "<é\u2028😀>" })
	got := string(codec.Append([]byte("before "), e))
	want := `before {"topic":"say \"hi\"\\","event_id":"5f1c","timestamp":"2025-12-19T12:00:00Z","source":"<é` + "\u2028" + `😀>","payload":{"k":"v"}}`
	if got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestAppend_EncodedEventsDecodeEqual(t *testing.T) {
	t.Parallel()
	decoder := codec.NewDecoder() // one for all events, so nothing may remain of the previous one
	rapid.Check(t, func(t *rapid.T) {
		want := eventtest.Events().Draw(t, "event")
		data := codec.Append(nil, want)
		for _, decode := range []func([]byte) (event.Event, error){codec.Decode, decoder.Decode} {
			if got, err := decode(data); err != nil || got != want {
				t.Fatalf("%s decodes to %+v, %v, want %+v", data, got, err, want)
			}
		}
	})
}

// canonical writes strings in one form and keeps numbers as they are.
func canonical(t rapid.TB, payload string) string {
	t.Helper()
	value := jsontext.Value(payload)
	if err := value.Format(jsontext.PreserveRawStrings(false)); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	return string(value)
}

func TestDecode_AcceptsIndentedEvents(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := eventtest.Events().Draw(t, "event")
		var indented bytes.Buffer
		if err := json.Indent(&indented, codec.Append(nil, want), "\t", "  "); err != nil {
			t.Fatal(err)
		}
		if got, err := codec.Decode(indented.Bytes()); err != nil || got != want {
			t.Fatalf("%s decodes to %+v, %v, want %+v", indented.Bytes(), got, err, want)
		}
	})
}
