package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

// eventWith returns goodEvent with another ID.
func eventWith(id string) string { return strings.Replace(goodEvent, `"e"`, `"`+id+`"`, 1) }

const badEvent = `{"topic":"t","event_id":"bad","source":"s","payload":{}}`

func TestPublish_Batch(t *testing.T) {
	t.Parallel()
	a, b := eventWith("a"), eventWith("b")
	const isRequired = `"status":"invalid","errors":[{"field":"timestamp","message":"is required"}]}`
	for name, row := range map[string]struct {
		body   string
		prefer string
		status int
		want   string
	}{
		"all valid": {
			"[" + a + "," + b + "]", "", 200,
			`{"received":2,"success":2,"ignored":0,"invalid":0,"results":[{"status":"success"},{"status":"success"}]}`,
		},
		"an object around them": {
			`{"events":[` + a + "]}", "", 200,
			`{"received":1,"success":1,"ignored":0,"invalid":0,"results":[{"status":"success"}]}`,
		},
		"an empty batch": {"[]", "", 200, `{"received":0,"success":0,"ignored":0,"invalid":0,"results":[]}`},
		"the same key twice, the first wins": {
			"[" + a + "," + b + "," + a + "]", "", 200,
			`{"received":3,"success":2,"ignored":1,"invalid":0,"results":[{"status":"success"},{"status":"success"},{"status":"ignored"}]}`,
		},
		"the same key twice, with two contents": {
			"[" + a + "," + strings.Replace(a, `"source":"`, `"source":"other `, 1) + "]", "", 200,
			`{"received":2,"success":1,"ignored":1,"invalid":0,"results":[{"status":"success"},{"status":"ignored","conflict":true}]}`,
		},
		"an invalid event between valid ones": {
			"[" + a + "," + badEvent + "," + b + "]", "", 207,
			`{"received":2,"success":2,"ignored":0,"invalid":1,"results":[{"status":"success"},{` + isRequired + `,{"status":"success"}]}`,
		},
		"none valid": {
			"[" + badEvent + "," + badEvent + "]", "", 422,
			`{"received":0,"success":0,"ignored":0,"invalid":2,"results":[{` + isRequired + `,{` + isRequired + `]}`,
		},
		"minimal, all valid": {"[" + a + "]", "return=minimal", 200, `{"received":1,"success":1,"ignored":0,"invalid":0,"results":[]}`},
		"minimal, with an invalid event": {
			"[" + a + "," + badEvent + "," + b + "]", `respond-async, Return="minimal"; x=1`, 207,
			`{"received":2,"success":2,"ignored":0,"invalid":1,"results":[{"index":1,` + isRequired + `]}`,
		},
		"another preference": {"[" + a + "]", "return=representation", 200, `{"received":1,"success":1,"ignored":0,"invalid":0,"results":[{"status":"success"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response := send(serverWith(&memory{}), "POST", "/publish", row.body, "Prefer", row.prefer)
			if response.Code != row.status || response.Body.String() != row.want+"\n" {
				t.Errorf("got %d %s\nwant %d %s", response.Code, response.Body, row.status, row.want)
			}
			if minimal := response.Header().Get("Preference-Applied") != ""; minimal != strings.Contains(row.prefer, "minimal") {
				t.Errorf("Preference-Applied is %t", minimal)
			}
			var decoded api.Batch
			if err := json.Unmarshal(response.Body.Bytes(), &decoded); err != nil || decoded.Results == nil {
				t.Errorf("%s is not a batch response: %v", response.Body, err)
			}
		})
	}
}

func TestPublish_InvalidBatch(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"too many events":          {"[" + strings.Repeat(eventWith("a")+",", 5) + eventWith("b") + "]", 413, "more than 5 events"},
		"a body above the limit":   {"[" + strings.Repeat(" ", 5000) + "]", 413, "5000 bytes"},
		"an array that is cut off": {"[" + eventWith("a"), 422, "ends too early"},
		"two arrays":               {"[][]", 422, "must end after the batch"},
		"events is not an array":   {`{"events":7}`, 422, `"field":"events","message":"must be an array of events"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &memory{}
			response := send(serverWith(m, func(o *Options) { o.MaxBatchEvents, o.MaxBodyBytes = 5, 5000 }), "POST", "/publish", row.body)
			if response.Code != row.status || !strings.Contains(response.Body.String(), row.want) || m.counts.Received != 0 {
				t.Errorf("got %d %s, %d received", response.Code, response.Body, m.counts.Received)
			}
			checkProblem(t, response.Code, response.Header(), response.Body.Bytes())
		})
	}
}

// TestPublish_ManyInvalidEventsGetAShortResponse sends few bytes that decompress to
// many invalid events. The response has one result for each, and the errors of the
// first 100.
func TestPublish_ManyInvalidEventsGetAShortResponse(t *testing.T) {
	t.Parallel()
	const events, listed = 10_000, 100
	array := "[" + strings.Repeat("{},", events-1) + "{}]"
	for name, row := range map[string]struct {
		body    string
		headers []string
		indexed bool
	}{
		"an array":                      {body: array},
		"return=minimal":                {body: array, headers: []string{"Prefer", "return=minimal"}, indexed: true},
		"handling=strict":               {body: array, headers: []string{"Prefer", "handling=strict"}},
		"handling=lenient":              {body: array, headers: []string{"Prefer", "handling=lenient"}},
		"CloudEvents":                   {body: array, headers: []string{"Content-Type", "application/cloudevents-batch+json"}},
		"several lines as one document": {body: strings.Repeat("{}\n", events)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			body := compress(t, "gzip", row.body)
			response := send(serverWith(&memory{}), "POST", "/publish", body, append(row.headers, "Content-Encoding", "gzip")...)
			var got api.Batch
			if err := json.Unmarshal(response.Body.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if size := response.Body.Len(); size > 500_000 {
				t.Errorf("%d bytes got a response of %d", len(body), size)
			}
			if got.Invalid != events || len(got.Results) != events || !got.ErrorsTruncated {
				t.Fatalf("%d invalid, %d results, truncated %t", got.Invalid, len(got.Results), got.ErrorsTruncated)
			}
			for i, result := range got.Results {
				if result.Status != "invalid" || len(result.Errors) > 0 != (i < listed) || row.indexed && *result.Index != int64(i) {
					t.Fatalf("result %d: %+v", i, result)
				}
			}
		})
	}
}

func TestPublish_BatchWithRejectedEvent(t *testing.T) {
	t.Parallel()
	response := send(serverWith(&memory{outcome: event.Rejected}), "POST", "/publish", "["+goodEvent+"]")
	want := `{"received":0,"success":0,"ignored":0,"invalid":1,"results":[{"status":"invalid","errors":[{"field":"body","message":"is refused by the database"}]}]}` + "\n"
	if response.Code != 422 || response.Body.String() != want {
		t.Errorf("got %d %s", response.Code, response.Body)
	}
}

// invalidTexts returns texts that are invalid in every form, each with its invalid
// field.
func invalidTexts() map[string][2]string {
	deep := strings.Repeat(`{"a":`, 64) + "{}" + strings.Repeat("}", 64)
	long := strings.Repeat("x", 256)
	return map[string][2]string{
		"a control character in the topic": {strings.Replace(goodEvent, `"t"`, `"t\u0007"`, 1), "topic"},
		"a C1 control character":           {strings.Replace(goodEvent, `"t"`, `"\u0085t"`, 1), "topic"},
		"a topic of white space":           {strings.Replace(goodEvent, `"t"`, `" \t"`, 1), "topic"},
		"a topic that is too long":         {strings.Replace(goodEvent, `"t"`, `"`+long+`"`, 1), "topic"},
		"an ID that is too long":           {strings.Replace(goodEvent, `"e"`, `"`+long+long+`x"`, 1), "event_id"},
		"an ID that is a number":           {strings.Replace(goodEvent, `"e"`, `7`, 1), "event_id"},
		"a source that is null":            {strings.Replace(goodEvent, `"s"`, `null`, 1), "source"},
		"no timestamp":                     {badEvent, "timestamp"},
		"an invalid date":                  {strings.Replace(goodEvent, "2025-12-19", "2025-02-30", 1), "timestamp"},
		"a payload that is an array":       {strings.Replace(goodEvent, `{"k":1.50}`, `[]`, 1), "payload"},
		"U+0000 in the payload":            {strings.Replace(goodEvent, `1.50`, `"\u0000"`, 1), "payload"},
		"U+0000 in a name of the payload":  {strings.Replace(goodEvent, `"k"`, `"\u0000"`, 1), "payload"},
		"a lone surrogate in the payload":  {strings.Replace(goodEvent, `1.50`, `"\ud800"`, 1), "payload"},
		"broken UTF-8 in the payload":      {strings.Replace(goodEvent, `1.50`, "\"\xff\"", 1), "payload"},
		"a name twice in the payload":      {strings.Replace(goodEvent, `1.50`, `1,"k":2`, 1), "payload"},
		"too many levels":                  {strings.Replace(goodEvent, `1.50`, deep, 1), "payload"},
		"a number too long":                {strings.Replace(goodEvent, `1.50`, `1e131071`, 1), "payload"},
		"text, not an object":              {`"event"`, "body"},
		"an event that is too long":        {strings.Replace(goodEvent, `1.50`, `"`+strings.Repeat("x", 3000)+`"`, 1), "body"},
	}
}

// TestPublish_InvalidEventInEveryForm checks that every form rejects the same
// texts, and that an invalid event does not affect the others of its batch.
func TestPublish_InvalidEventInEveryForm(t *testing.T) {
	t.Parallel()
	for name, row := range invalidTexts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, field := row[0], row[1]
			want := fmt.Sprintf(`"errors":[{"field":%q`, field)
			limit := func(o *Options) { o.MaxEventBytes = 2000 }
			for form, request := range map[string][2]string{
				"array":  {"[" + eventWith("a") + "," + text + "," + eventWith("b") + "]", api.TypeJSON},
				"object": {`{"events":[` + eventWith("a") + "," + text + "," + eventWith("b") + "]}", api.TypeJSON},
				"lines":  {eventWith("a") + "\n" + text + "\r\n\n" + eventWith("b"), api.TypeLines},
			} {
				m := &memory{}
				response := send(serverWith(m, limit), "POST", "/publish", request[0], "Content-Type", request[1])
				if response.Code != 207 || !strings.Contains(response.Body.String(), want) || m.counts.Stored != 2 {
					t.Errorf("%s: got %d %s, %d stored", form, response.Code, response.Body, m.counts.Stored)
				}
			}
			m := &memory{}
			response := send(serverWith(m, limit), "POST", "/publish", text)
			if response.Code != 422 && response.Code != 413 || m.counts.Stored != 0 {
				t.Errorf("alone: got %d %s", response.Code, response.Body)
			}
		})
	}
}

// TestPublish_EveryFormStoresTheSameEvent sends one event in every form.
func TestPublish_EveryFormStoresTheSameEvent(t *testing.T) {
	t.Parallel()
	text := ` {"source":"s", "payload": {"é": [1.50, "\u00fc\n", {"a" : null}]}, "x":1, "timestamp":"2025-12-19 12:00:00,5+07:00","event_id":"é","topic":"t"}`
	want, err := codec.Decode([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	for name, request := range map[string][3]string{
		"alone":           {text, api.TypeJSON, ""},
		"array":           {"[" + text + "]", api.TypeJSON, ""},
		"object":          {`{"events":[` + text + "]}", "", ""},
		"lines":           {text, "application/jsonl", ""},
		"lines with BOM":  {"\ufeff" + text + "\r\n", api.TypeLines + "; charset=utf-8", ""},
		"array in gzip":   {"[" + text + "]", api.TypeJSON, "gzip"},
		"lines in zstd":   {text + "\n\n", api.TypeLines, "zstd"},
		"alone in x-gzip": {text, api.TypeJSON, "x-gzip"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &memory{}
			body := compress(t, strings.TrimPrefix(request[2], "x-"), request[0])
			response := send(serverWith(m), "POST", "/publish", body, "Content-Type", request[1], "Content-Encoding", request[2])
			if response.Code != 200 || len(m.records) != 1 || !cmp.Equal(m.records[0].Event, want) {
				t.Errorf("got %d %s, stored %+v", response.Code, response.Body, m.records)
			}
		})
	}
}

// TestPublish_CloudEventsInEveryMode sends one CloudEvent in every mode.
func TestPublish_CloudEventsInEveryMode(t *testing.T) {
	t.Parallel()
	const structured = `{"specversion":"1.0","type":"com.example.paid","source":"/shop/7","id":"A 1","time":"2025-12-19T12:00:00Z",` +
		`"datacontenttype":"application/json","subject":"é","tenant":"x","data":{"k": 1.50}}`
	want := event.Event{
		Topic: "com.example.paid", ID: "/shop/7 A 1", Timestamp: noon(), Source: "/shop/7",
		Payload: `{"specversion":"1.0","datacontenttype":"application/json","subject":"é","tenant":"x","data":{"k":1.50}}`,
	}
	binary := []string{
		"ce-specversion", "1.0", "ce-type", "com.example.paid", "ce-source", "/shop/7", "ce-id", "A 1", "ce-time", "2025-12-19T12:00:00Z",
		"ce-subject", "%C3%A9", "ce-tenant", "x", "Content-Type", "application/json",
	}
	for name, request := range map[string]struct {
		body    string
		headers []string
	}{
		"structured":                {structured, []string{"Content-Type", "application/cloudevents+json; charset=utf-8"}},
		"structured and compressed": {compress(t, "gzip", structured), []string{"Content-Type", "application/cloudevents+json", "Content-Encoding", "gzip"}},
		"batched":                   {"[" + structured + "]", []string{"Content-Type", "application/cloudevents-batch+json"}},
		"binary":                    {`{"k":1.50}`, binary},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &memory{}
			s := serverWith(m)
			response := send(s, "POST", "/publish", request.body, request.headers...)
			if response.Code != 200 || len(m.records) != 1 || !cmp.Equal(m.records[0].Event, want) {
				t.Errorf("got %d %s, stored %+v", response.Code, response.Body, m.records)
			}
			if again := send(s, "POST", "/publish", request.body, request.headers...); !strings.Contains(again.Body.String(), "ignored") {
				t.Errorf("again: %d %s", again.Code, again.Body)
			}
		})
	}
}

func TestPublish_InvalidCloudEvents(t *testing.T) {
	t.Parallel()
	const good = `{"specversion":"1.0","type":"t","source":"s","id":"1"}`
	for name, row := range map[string]struct {
		body    string
		headers []string
		status  int
		want    string
	}{
		"structured, two errors":     {`{"specversion":"2.0","type":""}`, []string{"Content-Type", "application/cloudevents+json"}, 422, `"field":"source"`},
		"one invalid in a batch":     {"[" + good + `,{"specversion":"1.0"}]`, []string{"Content-Type", "application/cloudevents-batch+json"}, 207, `{"status":"success"},{"status":"invalid","errors":[{"field":"`},
		"a batch that is an object":  {good, []string{"Content-Type", "application/cloudevents-batch+json"}, 422, "must be a JSON array"},
		"binary without an ID":       {`{}`, []string{"ce-specversion", "1.0", "ce-type", "t", "ce-source", "s"}, 422, `"field":"id"`},
		"an unknown format":          {good, []string{"Content-Type", "application/cloudevents+avro"}, 415, "application/cloudevents-batch+json"},
		"an event above the limit":   {strings.Repeat(" ", 3000) + good, []string{"Content-Type", "application/cloudevents+json"}, 413, "2000 bytes"},
		"an object around the batch": {`{"events":[` + good + `]}`, []string{"Content-Type", "application/cloudevents-batch+json"}, 422, "must be a JSON array"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			response := send(serverWith(&memory{}, func(o *Options) { o.MaxEventBytes = 2000 }), "POST", "/publish", row.body, row.headers...)
			if response.Code != row.status || !strings.Contains(response.Body.String(), row.want) {
				t.Errorf("got %d %s", response.Code, response.Body)
			}
		})
	}
}

// FuzzPublish_EveryForm checks that a text is the same event in every form, or
// invalid in every form.
func FuzzPublish_EveryForm(f *testing.F) {
	for _, row := range invalidTexts() {
		f.Add(row[0])
	}
	f.Add(goodEvent)
	f.Add(` {"x":[{}],` + goodEvent[1:])
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsAny(text, "\n") || strings.HasPrefix(text, "\ufeff") || strings.TrimSpace(text) == "" {
			t.Skip("not a line by itself")
		}
		want, err := codec.Decode([]byte(text))
		if err != nil && !jsontext.Value(text).IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)) {
			t.Skip("may be several values in an array")
		}
		for form, request := range map[string][2]string{
			"array":  {"[" + text + "]", api.TypeJSON},
			"object": {`{"events":[` + text + "]}", api.TypeJSON},
			"line":   {text, api.TypeLines},
		} {
			m := &memory{}
			send(serverWith(m), "POST", "/publish", request[0], "Content-Type", request[1])
			switch {
			case err != nil && len(m.records) > 0:
				t.Errorf("%s: %q is stored as %+v, and is invalid as a single event: %v", form, text, m.records, err)
			case err == nil && (len(m.records) != 1 || m.records[0].Event != want):
				t.Errorf("%s: %q is stored as %+v, and as a single event it is %+v", form, text, m.records, want)
			}
		}
	})
}
