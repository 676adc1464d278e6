package cloudevents_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cloudevents/sdk-go/v2/binding"
	sdk "github.com/cloudevents/sdk-go/v2/event"
	sdkhttp "github.com/cloudevents/sdk-go/v2/protocol/http"
	"github.com/cloudevents/sdk-go/v2/types"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/cloudevents"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
)

// rejoined returns the CloudEvent of a row in structured form, as the package
// comment describes: the four members before those of the payload.
func rejoined(e event.Event) []byte {
	source, id, _ := strings.Cut(e.ID, " ")
	head := fmt.Sprintf(`{"type":%s,"source":%s,"id":%s,"time":%q,`, quoted(e.Topic), quoted(source), quoted(id), codec.FormatTime(e.Timestamp))
	return []byte(head + e.Payload[1:])
}

// quoted returns a JSON string.
func quoted(text string) string {
	literal, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(literal)
}

// facts are all data of an event of the SDK. Values of extensions are texts
// because not every form has their types.
type facts struct {
	Type, Source, ID, Time, ContentType, Schema, Subject, Data string
	Extensions                                                 map[string]string
}

func factsOf(t *testing.T, e sdk.Event) facts {
	t.Helper()
	if err := e.Validate(); err != nil {
		t.Fatalf("the event is invalid for the SDK: %v", err)
	}
	f := facts{
		Type: e.Type(), Source: e.Source(), ID: e.ID(), Time: e.Time().UTC().String(), ContentType: e.DataContentType(), Schema: e.DataSchema(),
		Subject: e.Subject(), Data: string(e.Data()), Extensions: map[string]string{},
	}
	for name, value := range e.Extensions() {
		text, err := types.Format(value)
		if err != nil {
			t.Fatal(err)
		}
		f.Extensions[name] = text
	}
	return f
}

// sdkEvents returns events as users of the SDK build them. They avoid two
// deviations of the SDK from the specification (v2.16.2): it does not encode
// headers, so the %20 of a source becomes a space, and it does not treat +json as
// JSON.
func sdkEvents(t *testing.T) map[string]sdk.Event {
	t.Helper()
	set := func(change func(e *sdk.Event) error) sdk.Event {
		e := sdk.New()
		e.SetID("A-1")
		e.SetSource("/mycontext")
		e.SetType("com.example.some")
		e.SetTime(time.Date(2018, 4, 5, 17, 31, 0, 123456000, time.FixedZone("", -3600)))
		if err := change(&e); err != nil {
			t.Fatal(err)
		}
		return e
	}
	return map[string]sdk.Event{
		"the minimum": set(func(*sdk.Event) error { return nil }),
		"JSON": set(func(e *sdk.Event) error {
			return e.SetData(sdk.ApplicationJSON, map[string]any{"a": []any{1, 2.5, "é <&>\n"}, "b": nil})
		}),
		"a string in JSON": set(func(e *sdk.Event) error { return e.SetData(sdk.TextJSON, "{}") }),
		"null":             set(func(e *sdk.Event) error { return e.SetData(sdk.ApplicationJSON, json.RawMessage("null")) }),
		"text":             set(func(e *sdk.Event) error { return e.SetData("text/plain; charset=utf-8", "a\t\"é\" 😀\n") }),
		"XML":              set(func(e *sdk.Event) error { return e.SetData(sdk.ApplicationXML, "<a/>") }),
		"bytes":            set(func(e *sdk.Event) error { return e.SetData("image/png", []byte("\x89PNG\x00\xff")) }),
		"bytes of JSON":    set(func(e *sdk.Event) error { return e.SetData(sdk.ApplicationJSON, []byte(`{"a":1.0}`)) }),
		"all attributes": set(func(e *sdk.Event) error {
			e.SetSource("https://example.com/a?b=c#d")
			e.SetID("an id with spaces, é and 😀")
			e.SetSubject(`a "subject" \ é`)
			e.SetDataSchema("https://example.com/schema#/definitions/a")
			return e.SetData(sdk.ApplicationJSON, 1)
		}),
		"extensions of all types": set(func(e *sdk.Event) error {
			e.SetExtension("zebra", "z")
			e.SetExtension("bool", true)
			e.SetExtension("number", -2147483648)
			e.SetExtension("empty", "")
			e.SetExtension("bytes", []byte{0, 255})
			e.SetExtension("when", time.Date(2018, 4, 5, 17, 31, 0, 5, time.UTC))
			e.SetExtension("uri", types.ParseURI("https://example.com/"))
			return nil
		}),
	}
}

// TestDecoder_ReadsEventsOfTheSDK sends events of the official SDK in both modes
// and builds events of the SDK from the rows again.
func TestDecoder_ReadsEventsOfTheSDK(t *testing.T) {
	t.Parallel()
	for name, e := range sdkEvents(t) {
		for mode, force := range map[string]func(context.Context) context.Context{
			"structured": binding.WithForceStructured, "binary": binding.WithForceBinary,
		} {
			t.Run(name+" "+mode, func(t *testing.T) {
				t.Parallel()
				request := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/publish", nil)
				if err := sdkhttp.WriteRequest(force(t.Context()), binding.ToMessage(&e), request); err != nil {
					t.Fatal(err)
				}
				row := decodeRequest(t, request)
				if err := row.Validate(); err != nil {
					t.Errorf("the row is not valid: %v", err)
				}
				var again sdk.Event
				if err := json.Unmarshal(rejoined(row), &again); err != nil {
					t.Fatalf("the SDK does not read %s: %v", rejoined(row), err)
				}
				if diff := cmp.Diff(factsOf(t, e), factsOf(t, again)); diff != "" {
					t.Errorf("sent (-) and built from the row (+):\n%s", diff)
				}
			})
		}
	}
}

// decodeRequest reads a request as the server does.
func decodeRequest(t *testing.T, request *http.Request) event.Event {
	t.Helper()
	body, err := io.ReadAll(request.Body)
	if err != nil {
		t.Fatal(err)
	}
	var row event.Event
	if cloudevents.IsBinary(request.Header) {
		row, err = cloudevents.NewDecoder().Binary(request.Header, body, arrival())
	} else {
		row, err = cloudevents.NewDecoder().Structured(body, arrival())
	}
	if err != nil {
		t.Fatalf("%v\n%v\n%s", err, request.Header, body)
	}
	return row
}

// message is a CloudEvent in neither form.
type message struct {
	attributes  map[string]string
	contentType string
	data        []byte
	text, json  bool
}

// messages generates events that both forms can represent: extensions are
// strings, and data has a type.
func messages() *rapid.Generator[message] {
	return rapid.Custom(func(t *rapid.T) message {
		m := message{attributes: map[string]string{
			"specversion": "1.0",
			"type":        texts().Draw(t, "type"),
			"source": rapid.SampledFrom([]string{
				"/a", "urn:uuid:6e8bc430-9c3a-11d9-9669-0800200c9a66", "https://example.com/é?a=%20%25#d", "1-555-123-4567", "mailto:a@b", "/" + strings.Repeat("s", 254),
			}).Draw(t, "source"),
			"id": texts().Draw(t, "id"),
		}}
		for _, name := range []string{"subject", "ext", "a", "zebra", "0"} {
			if rapid.Bool().Draw(t, name) {
				m.attributes[name] = texts().Draw(t, name)
			}
		}
		if rapid.Bool().Draw(t, "time") {
			m.attributes["time"] = codec.FormatTime(eventtest.Times().Draw(t, "time"))
		}
		switch rapid.SampledFrom([]string{"none", "json", "text", "bytes"}).Draw(t, "data") {
		case "json":
			m.contentType, m.json = "application/json", true
			m.data = []byte(eventtest.Payloads().Draw(t, "json"))
		case "text":
			m.contentType, m.text = rapid.SampledFrom([]string{"text/plain", "application/xml", "a/b+xml; charset=UTF-8"}).Draw(t, "type"), true
			m.data = []byte(eventtest.Text(300).Draw(t, "text") + rapid.SampledFrom([]string{"", "\n", "\x01\x7f"}).Draw(t, "end"))
		case "bytes":
			m.contentType = "image/png"
			m.data = rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "bytes")
		}
		return m
	})
}

// texts generates texts of attributes.
func texts() *rapid.Generator[string] {
	return rapid.Map(eventtest.Text(255), func(text string) string {
		return strings.NewReplacer("\uffff", "x", "\U0010ffff", "x").Replace(text)
	})
}

// structured writes the event as JSON, with minimal or maximal escapes, members in
// random order and white space between the tokens.
func (m message) structured(t *rapid.T) []byte {
	quote := func(text string) string {
		if rapid.Bool().Draw(t, "escape") {
			return escaped(text)
		}
		return quoted(text)
	}
	var members []string
	for name, text := range m.attributes {
		members = append(members, quote(name)+": "+quote(text))
	}
	slices.Sort(members) // so that the same random values give the same event
	if m.contentType != "" {
		members = append(members, `"datacontenttype" :`+quote(m.contentType))
	}
	switch {
	case m.json:
		members = append(members, `"data":`+string(m.data))
	case m.text:
		members = append(members, `"data":`+quote(string(m.data)))
	case len(m.data) > 0:
		members = append(members, `"data_base64":`+quote(base64.StdEncoding.EncodeToString(m.data)))
	}
	return []byte("{ " + strings.Join(rapid.Permutation(members).Draw(t, "order"), " ,\n") + "}")
}

// escaped returns a JSON string in which every character is an escape.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		if r > 0xFFFF {
			r -= 0x10000
			fmt.Fprintf(&b, `\u%04X`, 0xD800+r>>10)
			r = 0xDC00 + r&0x3FF
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	return `"` + b.String() + `"`
}

// binary writes the event as headers and body, percent-encoded as required.
func (m message) binary() (http.Header, []byte) {
	header := http.Header{}
	for name, text := range m.attributes {
		var b strings.Builder
		for _, c := range []byte(text) {
			if c <= ' ' || c > '~' || c == '"' || c == '%' {
				fmt.Fprintf(&b, "%%%02X", c)
			} else {
				b.WriteByte(c)
			}
		}
		header.Set("ce-"+name, b.String())
	}
	if m.contentType != "" {
		header.Set("Content-Type", m.contentType)
	}
	return header, m.data
}

func TestDecoder_BothFormsGiveTheSameRow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := messages().Draw(t, "event")
		d := cloudevents.NewDecoder()
		text := m.structured(t)
		want, errStructured := d.Structured(text, arrival())
		header, body := m.binary()
		got, errBinary := d.Binary(header, body, arrival())
		// The limits are the same in both forms.
		if diff := cmp.Diff(eventtest.FieldErrors(errStructured), eventtest.FieldErrors(errBinary)); diff != "" {
			t.Fatalf("errors of %s (-) and of %v %q (+):\n%s", text, header, body, diff)
		}
		if got != want {
			t.Fatalf("%s\nbecomes %+v,\n%v %q\nbecomes %+v", text, want, header, body, got)
		}
		if errBinary != nil {
			return
		}
		if m.json && !bytes.HasSuffix([]byte(got.Payload), append([]byte(`"data":`), append(m.data, '}')...)) {
			t.Fatalf("the data %s became %s", m.data, got.Payload)
		}
		checkRow(t, got)
	})
}

// checkRow checks that a row is valid, and that the CloudEvent built from it gives
// the same row.
func checkRow(t interface {
	Fatalf(format string, args ...any)
}, row event.Event) {
	if err := row.Validate(); err != nil {
		t.Fatalf("accepted as %+v, but %v", row, err)
	}
	row.TimeAssigned = false // the CloudEvent has the time
	if again, err := cloudevents.NewDecoder().Structured(rejoined(row), time.Time{}); err != nil || again != row {
		t.Fatalf("the row %+v\nmakes %s,\nwhich becomes %+v, %v", row, rejoined(row), again, err)
	}
}
