package codec_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
)

// decodeBatch returns for each event of a batch its ID, or the fields with errors
// after an exclamation mark.
func decodeBatch(text string, maxEvents, maxEventBytes int) ([]string, error) {
	got := []string{}
	err := codec.NewDecoder().DecodeBatch([]byte(text), codec.BatchOptions{
		MaxEvents: maxEvents, MaxEventBytes: maxEventBytes,
		Each: func(e event.Event, err error) {
			if err == nil {
				got = append(got, e.ID)
				return
			}
			fields := make([]string, 0, 5)
			for _, text := range eventtest.FieldErrors(err) {
				field, _, _ := strings.Cut(text, " ")
				fields = append(fields, field)
			}
			got = append(got, "!"+strings.Join(fields, ","))
		},
	})
	return got, err
}

func named(id string) string { return text("event_id", `"`+id+`"`) }

func TestDecodeBatch_ReadsEvents(t *testing.T) {
	t.Parallel()
	a, b := named("a"), named("b")
	long := text("event_id", `"l"`, "payload", `{"k":"`+strings.Repeat("x", 2000)+`"}`)
	for name, row := range map[string]struct {
		text string
		want []string
	}{
		"an array":                           {"[" + a + "," + b + "]", []string{"a", "b"}},
		"an empty array":                     {" [ ] ", []string{}},
		"an object around an array":          {`{"events":[` + a + "," + b + "]}", []string{"a", "b"}},
		"an object around an empty array":    {` { "events" : [ ] } `, []string{}},
		"its name written with an escape":    {`{"\u0065vents":[` + a + `]}`, []string{"a"}},
		"white space everywhere":             {"\t[\n " + a + " \r,\n" + b + "\n] \n", []string{"a", "b"}},
		"an event in an uncommon form":       {`[{"x":[1,{}],` + a[1:] + "," + b + "]", []string{"a", "b"}},
		"an invalid one beside valid ones":   {"[" + a + `,{"topic":""},` + b + "]", []string{"a", "!topic,event_id,timestamp,source,payload", "b"}},
		"elements that are not objects":      {"[1,[" + a + `],"x",null,` + b + "]", []string{"!body", "!body", "!body", "!body", "b"}},
		"a payload with a name twice":        {"[" + text("payload", `{"a":1,"a":2}`) + "," + b + "]", []string{"!payload", "b"}},
		"a lone surrogate":                   {"[" + text("payload", `{"a":"\ud800"}`) + "," + b + "]", []string{"!payload", "b"}},
		"invalid UTF-8":                      {"[" + text("source", "\"\xff\"") + "," + b + "]", []string{"!source", "b"}},
		"one that is too long, among others": {"[" + a + "," + long + "," + b + "]", []string{"a", "!body", "b"}},
		"one nested deeper than the parser": {
			"[" + a + "," + text("payload", `{"a":`+strings.Repeat("[", 10_001)+`"]\""`+strings.Repeat("]", 10_001)+"}") + "," + b + "]",
			[]string{"a", "!payload", "b"},
		},
		"the same event twice":                    {"[" + a + "," + a + "]", []string{"a", "a"}},
		"an object with members before the array": {`{"sent_at":"x","batch":{"n":[1]},"events":[` + a + "," + b + "]}", []string{"a", "b"}},
		"an object with members after the array":  {`{"events":[` + a + `] , "sent_at" : 5}`, []string{"a"}},
		"a byte order mark before an array":       {"\ufeff[" + a + "]", []string{"a"}},
		"a byte order mark before an object":      {"\ufeff {\"events\":[" + a + "]}", []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := decodeBatch(row.text, 5, 1000)
			if err != nil || !cmp.Equal(got, row.want) {
				t.Errorf("%s: got %q, %v, want %q", row.text, got, err, row.want)
			}
		})
	}
}

func TestDecodeBatch_RejectsOtherTexts(t *testing.T) {
	t.Parallel()
	a := named("a")
	for name, row := range map[string]struct {
		text string
		want string
	}{
		"a single event":                      {a, "is not a batch"},
		"an event that has events":            {`{"events":[` + a + `],"topic":"t"}`, "is not a batch"},
		"an event that has events first":      {`{"events":[],"payload":{}}`, "is not a batch"},
		"an event that has other events":      {`{"events":5,"topic":"t"}`, "is not a batch"},
		"events that is an object":            {`{"events":{}}`, "events must be an array of events"},
		"events that is null":                 {`{"n":1,"events":null}`, "events must be an array of events"},
		"events twice":                        {`{"events":[],"events":[]}`, "must not be there twice"},
		"a word that JSON does not have":      {"[" + a + `,{"payload":{"x":NaN}}]`, "NaN is not a JSON value in element 1 at byte"},
		"another such word":                   {"[undefined]", "undefined is not a JSON value in element 0 at byte 1"},
		"a name without quotes":               {"[" + a + "," + a + ",{topic:1}]", "in element 2"},
		"another name":                        {`{"event":[]}`, "is not a batch"},
		"an empty object":                     {`{}`, "is not a batch"},
		"an empty text":                       {"", "is not a batch"},
		"a string":                            {`"[]"`, "is not a batch"},
		"too many":                            {"[" + strings.Repeat(a+",", 5) + a + "]", "has too many events: at most 5 are allowed"},
		"no end":                              {"[" + a, "it ends too early"},
		"no end of the object":                {`{"events":[` + a + "]", "it ends too early"},
		"an event without its end":            {"[" + a[:20], "is not valid JSON"},
		"a comma before the end":              {"[" + a + ",]", "is not valid JSON"},
		"a comma alone":                       {"[,]", "is not valid JSON"},
		"no comma":                            {"[" + a + " " + a + "]", fmt.Sprintf("comma or the end of the array at byte %d", len(a)+2)},
		"text after the array":                {"[" + a + "]" + a, "must end after the batch"},
		"text after the object":               {`{"events":[]}{}`, "must end after the batch"},
		"another bracket at the object's end": {`{"events":[]]`, "comma or the end of the object at byte 12"},
		"invalid syntax, with its offset":     {"[" + a + ", {x}]", fmt.Sprintf("at byte %d", len(a)+4)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := decodeBatch(row.text, 5, 1000)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%s: got %v, want %q", row.text, err, row.want)
			}
		})
	}
}

// TestDecodeBatch_EqualsDecode checks that an event is decoded in the same way
// alone and in a batch, whatever else the batch contains.
func TestDecodeBatch_EqualsDecode(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.SampledFrom([]string{
			named("a"), text("payload", `{ "k" : 1.50 }`), text("topic", `"é"`), text("timestamp", `"never"`), `{}`, "7", `{"x":1}`,
		}), 0, 8).Draw(t, "events")
		sameInBatch(t, []byte("["+strings.Join(texts, rapid.SampledFrom([]string{",", " ,\n"}).Draw(t, "comma"))+"]"), texts)
	})
}

func sameInBatch(t interface {
	Fatalf(format string, args ...any)
}, batch []byte, texts []string) {
	at := 0
	err := codec.NewDecoder().DecodeBatch(batch, codec.BatchOptions{
		MaxEvents: len(texts) + 1, MaxEventBytes: 1 << 20,
		Each: func(got event.Event, err error) {
			want, errWant := codec.Decode([]byte(texts[at]))
			if got != want || fmt.Sprint(err) != fmt.Sprint(errWant) {
				t.Fatalf("%s is %+v, %v in a batch, and %+v, %v alone", texts[at], got, err, want, errWant)
			}
			at++
		},
	})
	if err != nil || at != len(texts) {
		t.Fatalf("%s: %d of %d events, %v", batch, at, len(texts), err)
	}
}

// FuzzDecodeBatch checks that the events of a batch are valid, and that a text
// that is an event is decoded in the same way in a batch.
func FuzzDecodeBatch(f *testing.F) {
	f.Add([]byte("[" + named("a") + ", {}, 1]"))
	f.Add([]byte(`{"events":[` + named("a") + `]}`))
	f.Add([]byte(named("a")))
	f.Fuzz(func(t *testing.T, data []byte) {
		err := codec.NewDecoder().DecodeBatch(data, codec.BatchOptions{MaxEvents: 100, MaxEventBytes: 1 << 20, Each: func(e event.Event, err error) {
			if err == nil {
				err = e.Validate()
			} else if len(eventtest.FieldErrors(err)) > 0 {
				err = nil
			}
			if err != nil {
				t.Fatalf("%s decodes to %+v, %v", data, e, err)
			}
		}})
		if err != nil && !errors.Is(err, codec.ErrNotBatch) && !errors.Is(err, codec.ErrTooManyEvents) && len(eventtest.FieldErrors(err)) == 0 {
			t.Fatalf("%s: %v", data, err)
		}
		if _, err := codec.Decode(data); err == nil {
			sameInBatch(t, append(append([]byte("["), data...), ']'), []string{string(data)})
		}
	})
}
