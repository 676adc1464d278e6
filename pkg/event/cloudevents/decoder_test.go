package cloudevents_test

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/cloudevents"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
)

// arrival returns when the events of these tests arrive.
func arrival() time.Time {
	return time.Date(2025, 12, 19, 19, 0, 0, 123456789, time.FixedZone("", 7*3600))
}

func arrivalMicros() time.Time { return time.Date(2025, 12, 19, 12, 0, 0, 123456000, time.UTC) }

// required is the required members of an event.
const required = `"specversion":"1.0","type":"com.example.some","source":"/mycontext","id":"A-1"`

// text returns the JSON of an event with the required members and more.
func text(more string) string {
	if more == "" {
		return "{" + required + "}"
	}
	return "{" + required + "," + more + "}"
}

// row returns the event that text(…) becomes.
func row(payload string) event.Event {
	return event.Event{
		Topic: "com.example.some", ID: "/mycontext A-1", Timestamp: arrivalMicros(), Source: "/mycontext", Payload: payload,
	}
}

func with(payload string, change func(e *event.Event)) event.Event {
	e := row(payload)
	change(&e)
	return e
}

// headers returns the headers of an event with the required attributes and more:
// names and values, one after the other.
func headers(more ...string) http.Header {
	header := http.Header{}
	all := append([]string{"ce-specversion", "1.0", "ce-type", "com.example.some", "ce-source", "/mycontext", "ce-id", "A-1"}, more...)
	for i := 0; i < len(all); i += 2 {
		header.Add(all[i], all[i+1])
	}
	return header
}

func TestDecoder_StructuredAcceptsValidEvents(t *testing.T) {
	t.Parallel()
	const plain = `{"specversion":"1.0"}`
	nested := strings.Repeat("[", event.MaxPayloadDepth-1) + strings.Repeat("]", event.MaxPayloadDepth-1)
	for _, test := range []struct {
		name, json string
		want       event.Event
	}{
		{"the required attributes only", text(""), row(plain)},
		{"the order of the members of the payload is fixed",
			text(` "data" : {"a": [1, 2]}, "zebra":"z", "subject":"s", "ant": "a", "dataschema":"https://example.com/s", "datacontenttype":"application/json"`),
			row(`{"specversion":"1.0","datacontenttype":"application/json","dataschema":"https://example.com/s","subject":"s","ant":"a","zebra":"z","data":{"a":[1,2]}}`)},
		{"a time in another zone and with nanoseconds", text(`"time":"2018-04-05T17:31:00.123456789+07:00"`),
			with(plain, func(e *event.Event) { e.Timestamp = time.Date(2018, 4, 5, 10, 31, 0, 123456000, time.UTC) })},
		{"a time in small letters", text(`"time":"2018-04-05t17:31:00z"`),
			with(plain, func(e *event.Event) { e.Timestamp = time.Date(2018, 4, 5, 17, 31, 0, 0, time.UTC) })},
		{"null attributes are absent", text(`"time":null,"subject":null,"dataschema":null,"datacontenttype":null,"ext":null,"data_base64":null,"Wrong_Name":null`), row(plain)},
		{"null data is data", text(`"data":null`), row(`{"specversion":"1.0","data":null}`)},
		{"data without a declared type is JSON", text(`"data":"text"`), row(`{"specversion":"1.0","data":"text"}`)},
		{"JSON stays as it is written", text(`"datacontenttype":"a/b+json","data":[1.0, -0, 1E+2, 9007199254740993, "\u0061\/"]`),
			row(`{"specversion":"1.0","datacontenttype":"a/b+json","data":[1.0,-0,1E+2,9007199254740993,"\u0061\/"]}`)},
		{"a string of JSON is a string", text(`"datacontenttype":"TEXT/JSON; charset=utf-8","data":"{}"`),
			row(`{"specversion":"1.0","datacontenttype":"TEXT/JSON; charset=utf-8","data":"{}"}`)},
		{"the escapes of text are fixed", text(`"datacontenttype":"text/plain","data":"\u0061\/\u00e9\n\ud83d\ude00"`),
			row(`{"specversion":"1.0","datacontenttype":"text/plain","data":"a/é\n😀"}`)},
		{"the escapes of attributes are fixed", text(`"sub\u006aect":"\u0061\/","ext":"\u00e9\u0022\\"`), row(`{"specversion":"1.0","subject":"a/","ext":"é\"\\"}`)},
		{"the identity is unescaped, too", `{"specversion":"1\u002e0","type":"\u0061","source":"\/b","id":"c d"}`,
			event.Event{Topic: "a", ID: "/b c d", Source: "/b", Timestamp: arrivalMicros(), Payload: plain}},
		{"extensions of all types that JSON distinguishes", text(`"b1":true,"b0":false,"n":-2147483648,"m":2147483647,"z":-0,"s":""`),
			row(`{"specversion":"1.0","b0":false,"b1":true,"m":2147483647,"n":-2147483648,"s":"","z":-0}`)},
		{"an extension with the name of an event's member", text(`"topic":"t","payload":"p"`), row(`{"specversion":"1.0","payload":"p","topic":"t"}`)},
		{"binary data", text(`"datacontenttype":"image/png","data_base64":"AP\u002fg4Q=="`),
			row(`{"specversion":"1.0","datacontenttype":"image/png","data_base64":"AP/g4Q=="}`)},
		{"binary data that is written in an uncommon way", text(`"data_base64":"AP/g\r\n4R=="`), row(`{"specversion":"1.0","data_base64":"AP/g4Q=="}`)},
		{"binary data without a byte", text(`"data_base64":""`), row(`{"specversion":"1.0","data_base64":""}`)},
		{"64 levels, the payload being one", text(`"data":` + nested), row(`{"specversion":"1.0","data":` + nested + `}`)},
		{"512 bytes of event_id", strings.Replace(text(""), "A-1", strings.Repeat("i", 501), 1),
			with(plain, func(e *event.Event) { e.ID = "/mycontext " + strings.Repeat("i", 501) })},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := cloudevents.NewDecoder().Structured([]byte(test.json), arrival())
			check(t, got, err, test.want)
		})
	}
}

func check(t *testing.T, got event.Event, err error, want event.Event) {
	t.Helper()
	if err != nil {
		t.Fatalf("refused: %v", err)
	}
	want.TimeAssigned = want.Timestamp.Equal(arrivalMicros())
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("event (-want +got):\n%s", diff)
	}
	if err := got.Validate(); err != nil {
		t.Errorf("what was decoded is not valid: %v", err)
	}
}

func TestDecoder_StructuredReturnsEveryError(t *testing.T) {
	t.Parallel()
	const space, syntax = "must not be empty or only white space", "must be an RFC 3339 date and time such as 2018-04-05T17:31:00Z"
	for _, test := range []struct {
		name, json string
		want       []string
	}{
		{"nothing", "", []string{"body is empty; expected a JSON object"}},
		{"an array", "[" + text("") + "]", []string{"body must be a JSON object"}},
		{"a string", text("")[1:], []string{"body must be a JSON object"}},
		{"an event that is cut off", text("")[:30], []string{"body is not valid JSON: it ends too early"}},
		{"two events", text("") + text(""), []string{"body must end after the JSON object"}},
		{"an empty object lacks what is required", "{}", []string{"type is required", "source is required", "id is required", "specversion is required"}},
		{"null is absent", `{"type":null,"source":null,"id":null,"specversion":null}`,
			[]string{"type is required", "source is required", "id is required", "specversion is required"}},
		{"other types", `{"type":1,"source":[],"id":{},"time":0,"specversion":1.0,"datacontenttype":true,"dataschema":1,"subject":2,"data_base64":3}`, []string{
			"type must be a string", "source must be a string", "id must be a string", "time must be a string", "specversion must be a string",
			"datacontenttype must be a string", "dataschema must be a string", "subject must be a string", "data_base64 must be a string",
		}},
		{"every error at once, in the order of the attributes",
			`{"data_base64":"?","data":"\u0000","x":[],"a":1.5,"subject":"","dataschema":"s","datacontenttype":"json","specversion":"0.3","time":"now","id":"","source":"a b","type":" "}`, []string{
				"type " + space, "source must not contain white space", "id " + space, "time " + syntax, `specversion must be "1.0"`,
				"datacontenttype must be a media type such as application/json", "dataschema must be an absolute URI (RFC 3986)", "subject must not be empty",
				"a must be an integer from -2147483648 to 2147483647, without fraction or exponent", "x must be a string, a boolean or an integer",
				"data must not contain the character U+0000", "data_base64 must not be there together with data",
				"data_base64 must be base64 with padding (RFC 4648, section 4)",
			}},
		{"members twice", text(`"id":"A-1","time":null,"time":null,"data":1,"data":1,"ext":"a","ext":"a","\u0065xt":"b"`), []string{
			"id must not be there twice", "time must not be there twice", "ext must not be there twice", "ext must not be there twice", "data must not be there twice",
		}},
		{"data in both forms", text(`"data":null,"data_base64":""`), []string{"data_base64 must not be there together with data"}},

		{"invalid names", text(`"Type":"a","a_b":1,"é":true,"":"x","\ud800":"y"`), []string{
			" " + name, "Type " + name, "a_b " + name, "é " + name, "\ufffd " + name,
		}},
		{"a very long name is truncated", text(`"` + strings.Repeat("é", 100) + `":1`), []string{strings.Repeat("é", 32) + "… " + name}},
		{"256 bytes of type", strings.Replace(text(""), "com.example.some", strings.Repeat("t", 256), 1), []string{"type must be at most 255 bytes of UTF-8, has 256"}},
		{"256 bytes of source", strings.Replace(text(""), "/mycontext", strings.Repeat("s", 256), 1), []string{"source must be at most 255 bytes of UTF-8, has 256"}},
		{"513 bytes of event_id", strings.Replace(text(""), "A-1", strings.Repeat("i", 502), 1), []string{"id must be at most 501 bytes of UTF-8 with this source, has 502"}},
		{"a source that is not a URI reference", strings.Replace(text(""), "/mycontext", "%zz", 1), []string{"source must be a URI reference (RFC 3986)"}},
		{"white space outside ASCII in a source", strings.Replace(text(""), "/mycontext", `a\u00a0b`, 1), []string{"source must not contain white space"}},
		{"a source of white space", strings.Replace(text(""), "/mycontext", `\u2028`, 1), []string{"source " + space}},
		{"control characters", text(`"subject":"a\u0000","ext":"\u0085"`), []string{"subject must not contain control characters", "ext must not contain control characters"}},
		{"noncharacters", strings.Replace(text(`"ext":"\ufdd0"`), "A-1", `\udbff\udfff`, 1), []string{
			"id must not contain code points that are noncharacters in Unicode", "ext must not contain code points that are noncharacters in Unicode",
		}},
		{"lone surrogates", text(`"subject":"\ud800","ext":"\udc00","data":"\ud800"`), []string{
			"subject must be valid UTF-8 without lone surrogates", "ext must be valid UTF-8 without lone surrogates", "data must be valid UTF-8 without lone surrogates",
		}},
		{"a dataschema with a space", text(`"dataschema":"https://a/b c"`), []string{"dataschema must not contain white space"}},
		{"an empty dataschema", text(`"dataschema":""`), []string{"dataschema must be an absolute URI (RFC 3986)"}},
		{"a media type without a slash", text(`"datacontenttype":"json"`), []string{"datacontenttype must be a media type such as application/json"}},

		{"a time without an offset", text(`"time":"2018-04-05T17:31:00.00"`), []string{"time " + syntax}},
		{"a date", text(`"time":"2018-04-05"`), []string{"time " + syntax}},
		{"a time without seconds", text(`"time":"2018-04-05T17:31+07:00Z"`), []string{"time " + syntax}},
		{"a time with a comma", text(`"time":"2018-04-05T17:31:00,5Z"`), []string{"time " + syntax}},
		{"a day that does not exist", text(`"time":"2018-02-30T17:31:00Z"`), []string{"time must be a real calendar date and time of day"}},

		{"an integer that is too large", text(`"n":2147483648`), []string{"n must be an integer from -2147483648 to 2147483647, without fraction or exponent"}},
		{"an integer with an exponent", text(`"n":1e2`), []string{"n must be an integer from -2147483648 to 2147483647, without fraction or exponent"}},
		{"data that is too deep", text(`"data":` + strings.Repeat("[", 64) + strings.Repeat("]", 64)), []string{"data must not be nested deeper than 64 levels"}},
		{"a member of the data twice", text(`"data":{"a":1,"a":1}`), []string{"data must not have the same member name twice in one object"}},
		{"a number that is short with an exponent only", text(`"data":1e1000`), []string{"data must not have a number of more than 1000 digits written out in full"}},
		{"data that is neither a string nor JSON", text(`"datacontenttype":"text/plain","data":{}`), []string{"data must be a string, as the datacontenttype is not JSON"}},
		{"base64 without padding", text(`"data_base64":"AA"`), []string{"data_base64 must be base64 with padding (RFC 4648, section 4)"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := cloudevents.NewDecoder().Structured([]byte(test.json), arrival())
			checkErrors(t, got, err, test.want)
		})
	}
}

const name = "is not a valid attribute name: use small letters a to z and digits"

func checkErrors(t *testing.T, got event.Event, err error, want []string) {
	t.Helper()
	if got != (event.Event{}) {
		t.Errorf("besides the error it returned %+v, want no event", got)
	}
	if diff := cmp.Diff(want, eventtest.FieldErrors(err)); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestDecoder_LimitsTheNumberOfErrors(t *testing.T) {
	t.Parallel()
	var members []string
	for i := range 10_000 {
		members = append(members, fmt.Sprintf(`"_%d":1,"x%d":"\u0001"`, i, i))
	}
	_, err := cloudevents.NewDecoder().Structured([]byte(text(strings.Join(members, ","))), arrival())
	const maxErrors = 20
	if n := len(eventtest.FieldErrors(err)); n != maxErrors {
		t.Errorf("got %d errors, want %d", n, maxErrors)
	}
}

func TestDecoder_KeepsNothingOfThePreviousEvent(t *testing.T) {
	t.Parallel()
	d := cloudevents.NewDecoder()
	if _, err := d.Structured([]byte(text(`"subject":"s","ext":"e","data":1,"time":"2018-04-05T17:31:00Z"`)), arrival()); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Structured([]byte(`{"id":"1","x`), arrival()); err == nil {
		t.Fatal("a truncated event is accepted")
	}
	got, err := d.Binary(headers(), nil, arrival())
	check(t, got, err, row(`{"specversion":"1.0"}`))
}

func TestDecoder_BinaryAcceptsValidEvents(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		header http.Header
		body   string
		want   event.Event
	}{
		{"the required attributes only", headers(), "", row(`{"specversion":"1.0"}`)},
		{"all attributes", headers("Content-Type", "application/json", "CE-Time", "2018-04-05T17:31:00Z", "Ce-Subject", "s", "ce-DataSchema", "a:b#c", "ce-zebra", "z", "ce-ant", "5"), `{"a": 1}`,
			with(`{"specversion":"1.0","datacontenttype":"application/json","dataschema":"a:b#c","subject":"s","ant":"5","zebra":"z","data":{"a":1}}`,
				func(e *event.Event) { e.Timestamp = time.Date(2018, 4, 5, 17, 31, 0, 0, time.UTC) })},
		{"other headers are not attributes", headers("Cent", "a", "X-Ce-A", "b", "Traceparent", "c"), "", row(`{"specversion":"1.0"}`)},
		{"the example of the specification", headers("ce-subject", "Euro%20%E2%82%AC%20%F0%9F%98%80"), "", row(`{"specversion":"1.0","subject":"Euro € 😀"}`)},
		{"needless encoding and small digits", headers("ce-subject", "%41%e2%82%ac%25%32%30"), "", row(`{"specversion":"1.0","subject":"A€%20"}`)},
		{"characters that should have been encoded", headers("ce-subject", `a "b" € %`, "ce-ext", "100%, %4, %zz"), "", row(`{"specversion":"1.0","subject":"a \"b\" € %","ext":"100%, %4, %zz"}`)},
		{"a quoted value of an older sender", headers("ce-subject", `"a \"b\" \\ %41"`), "", row(`{"specversion":"1.0","subject":"a \"b\" \\ A"}`)},
		{"values that only look quoted", headers("ce-a", `"`, "ce-b", `"a" or "b"`, "ce-c", `"a\"`, "ce-d", `""`), "",
			row(`{"specversion":"1.0","a":"\"","b":"\"a\" or \"b\"","c":"\"a\\\"","d":""}`)},
		{"JSON with a charset", headers("Content-Type", "Application/JSON; charset=utf-8"), " [1.0]\n", row(`{"specversion":"1.0","datacontenttype":"Application/JSON; charset=utf-8","data":[1.0]}`)},
		{"JSON of another media type that is not an object", headers("Content-Type", "application/problem+json"), "1e2", row(`{"specversion":"1.0","datacontenttype":"application/problem+json","data":1e2}`)},
		{"text", headers("Content-Type", "text/plain"), "a\n\"é\"", row(`{"specversion":"1.0","datacontenttype":"text/plain","data":"a\n\"é\""}`)},
		{"XML", headers("Content-Type", "application/xml"), `<much wow="xml"/>`, row(`{"specversion":"1.0","datacontenttype":"application/xml","data":"<much wow=\"xml\"/>"}`)},
		{"text that is not UTF-8", headers("Content-Type", "text/plain"), "\xe9", row(`{"specversion":"1.0","datacontenttype":"text/plain","data_base64":"6Q=="}`)},
		{"text in another encoding", headers("Content-Type", "text/plain; charset=UTF-16"), "ab", row(`{"specversion":"1.0","datacontenttype":"text/plain; charset=UTF-16","data_base64":"YWI="}`)},
		{"text with U+0000", headers("Content-Type", "text/plain"), "a\x00", row(`{"specversion":"1.0","datacontenttype":"text/plain","data_base64":"YQA="}`)},
		{"bytes", headers("Content-Type", "image/png"), "\x89PNG", row(`{"specversion":"1.0","datacontenttype":"image/png","data_base64":"iVBORw=="}`)},
		{"a body without a declared type is bytes", headers(), `{ "xyz": 123 }`, row(`{"specversion":"1.0","data_base64":"eyAieHl6IjogMTIzIH0="}`)},
		{"a declared type without a body", headers("Content-Type", "application/json"), "", row(`{"specversion":"1.0","datacontenttype":"application/json"}`)},
		{"an empty Content-Type is absent", headers("Content-Type", " "), "", row(`{"specversion":"1.0"}`)},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := cloudevents.NewDecoder().Binary(test.header, []byte(test.body), arrival())
			check(t, got, err, test.want)
		})
	}
}

func TestDecoder_BinaryReturnsEveryError(t *testing.T) {
	t.Parallel()
	const json = "application/json"
	for _, test := range []struct {
		name   string
		header http.Header
		body   string
		want   []string
	}{
		{"no header at all", nil, "{}", []string{"type is required", "source is required", "id is required", "specversion is required"}},
		{"every error at once", headers("ce-type", "b", "ce-time", "now", "ce-subject", "", "ce-a-b", "1", "ce-", "2", "content-type", json), `{"a":1,"a":2}`, []string{
			"type must not be there twice", "time must be an RFC 3339 date and time such as 2018-04-05T17:31:00Z", "subject must not be empty",
			" " + name, "a-b " + name, "data must not have the same member name twice in one object",
		}},
		{"attributes that may not be in a header of their own", headers("ce-datacontenttype", "a/b", "ce-data", "x", "ce-data_base64", "eA==", "content-type", "a/b"), "", []string{
			"datacontenttype must be in the header Content-Type", "data must be in the body", "data_base64 must be in the body",
		}},
		{"an extension twice", headers("ce-ext", "a", "ce-ext", "b", "Ce-Ext", "c"), "", []string{"ext must not be there twice", "ext must not be there twice"}},
		{"two types of content", headers("content-type", json, "content-type", json), "", []string{"datacontenttype must not be there twice"}},
		{"an invalid Content-Type", headers("content-type", "json"), "{", []string{"datacontenttype must be a media type such as application/json"}},
		{"an encoded space in a source", http.Header{"Ce-Specversion": {"1.0"}, "Ce-Type": {"t"}, "Ce-Id": {"1"}, "Ce-Source": {"a%20b"}}, "", []string{"source must not contain white space"}},
		{"an overlong encoding", headers("ce-subject", "%C0%A0", "ce-ext", "%ff"), "", []string{"subject must be valid UTF-8", "ext must be valid UTF-8"}},
		{"bytes that are not UTF-8", headers("ce-subject", "\xe9"), "", []string{"subject must be valid UTF-8"}},
		{"encoded control characters", headers("ce-subject", "%00", "ce-ext", "%C2%85"), "", []string{"subject must not contain control characters", "ext must not contain control characters"}},
		{"a body that is not JSON", headers("content-type", json), "{", []string{"data is not valid JSON: it ends too early"}},
		{"a body of two values", headers("content-type", json), "1 2", []string{"data must end after the JSON value"}},
		{"U+0000 in JSON", headers("content-type", json), `"\u0000"`, []string{"data must not contain the character U+0000"}},
		{"JSON that is too deep", headers("content-type", json), strings.Repeat("[", 64) + strings.Repeat("]", 64), []string{"data must not be nested deeper than 64 levels"}},
		{"JSON that is not UTF-8", headers("content-type", json), "\"\xff\"", []string{"data must be valid UTF-8 without lone surrogates"}},
		{"JSON after a byte order mark", headers("content-type", json), "\ufeff{}", []string{"data is not valid JSON: invalid character '\\ufeff' at start of value at byte 0"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := cloudevents.NewDecoder().Binary(test.header, []byte(test.body), arrival())
			checkErrors(t, got, err, test.want)
		})
	}
}

func TestIsBinary_NeedsARequiredAttribute(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		header http.Header
		want   bool
	}{
		{"no header", nil, false},
		{"JSON alone", http.Header{"Content-Type": {"application/json"}}, false},
		{"an extension alone", http.Header{"Ce-Ext": {"a"}}, false},
		{"a version", http.Header{"Ce-Specversion": {"1.0"}}, true},
		{"an id without a version", http.Header{"Ce-Id": {""}, "Content-Type": {"application/json"}}, true},
		{"a structured event may repeat its attributes", headers("content-type", "application/cloudevents+json"), false},
		{"a batch in capitals", headers("content-type", "Application/CloudEvents-Batch+JSON; charset=utf-8"), false},
		{"another type", headers("content-type", "application/cloud"), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := cloudevents.IsBinary(test.header); got != test.want {
				t.Errorf("got %t, want %t", got, test.want)
			}
		})
	}
}

// TestDecoder_WorksAfterLargeData checks that a decoder can be used again after it
// released its memory.
func TestDecoder_WorksAfterLargeData(t *testing.T) {
	t.Parallel()
	d := cloudevents.NewDecoder()
	large := strings.Repeat("\x00", 1<<20)
	got, err := d.Binary(headers(), []byte(large), arrival())
	check(t, got, err, row(`{"specversion":"1.0","data_base64":"`+base64.StdEncoding.EncodeToString([]byte(large))+`"}`))
	got, err = d.Structured([]byte(text(`"ext":"\u0061"`)), arrival())
	check(t, got, err, row(`{"specversion":"1.0","ext":"a"}`))
}
