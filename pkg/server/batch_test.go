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

// eventWith is goodEvent under another ID.
func eventWith(id string) string { return strings.Replace(goodEvent, `"e"`, `"`+id+`"`, 1) }

const badEvent = `{"topic":"t","event_id":"bad","source":"s","payload":{}}`

func TestPublishBatch(t *testing.T) {
	t.Parallel()
	a, b := eventWith("a"), eventWith("b")
	const fault = `"status":"invalid","errors":[{"field":"timestamp","message":"is required"}]}`
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
		"none at all": {"[]", "", 200, `{"received":0,"success":0,"ignored":0,"invalid":0,"results":[]}`},
		"the same key twice, the first wins": {
			"[" + a + "," + b + "," + a + "]", "", 200,
			`{"received":3,"success":2,"ignored":1,"invalid":0,"results":[{"status":"success"},{"status":"success"},{"status":"ignored"}]}`,
		},
		"an invalid one between valid ones": {
			"[" + a + "," + badEvent + "," + b + "]", "", 207,
			`{"received":2,"success":2,"ignored":0,"invalid":1,"results":[{"status":"success"},{` + fault + `,{"status":"success"}]}`,
		},
		"none valid": {
			"[" + badEvent + "," + badEvent + "]", "", 422,
			`{"received":0,"success":0,"ignored":0,"invalid":2,"results":[{` + fault + `,{` + fault + `]}`,
		},
		"minimal, all valid": {"[" + a + "]", "return=minimal", 200, `{"received":1,"success":1,"ignored":0,"invalid":0,"results":[]}`},
		"minimal, with an invalid": {
			"[" + a + "," + badEvent + "," + b + "]", `respond-async, Return="minimal"; x=1`, 207,
			`{"received":2,"success":2,"ignored":0,"invalid":1,"results":[{"index":1,` + fault + `]}`,
		},
		"another preference": {"[" + a + "]", "return=representation", 200, `{"received":1,"success":1,"ignored":0,"invalid":0,"results":[{"status":"success"}]}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := ask(serverWith(&memory{}), "POST", "/publish", row.body, "Prefer", row.prefer)
			if answer.Code != row.status || answer.Body.String() != row.want+"\n" {
				t.Errorf("got %d %s\nwant %d %s", answer.Code, answer.Body, row.status, row.want)
			}
			if minimal := answer.Header().Get("Preference-Applied") != ""; minimal != strings.Contains(row.prefer, "minimal") {
				t.Errorf("Preference-Applied is %t", minimal)
			}
			var decoded api.Batch
			if err := json.Unmarshal(answer.Body.Bytes(), &decoded); err != nil || decoded.Results == nil {
				t.Errorf("%s is no answer to a batch: %v", answer.Body, err)
			}
		})
	}
}

func TestPublishBatchRefuses(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		body   string
		status int
		want   string
	}{
		"too many events":          {"[" + strings.Repeat(eventWith("a")+",", 5) + eventWith("b") + "]", 413, "more than 5 events"},
		"a body beyond the limit":  {"[" + strings.Repeat(" ", 5000) + "]", 413, "5000 bytes"},
		"an array that is cut off": {"[" + eventWith("a"), 422, "ends too early"},
		"two arrays":               {"[][]", 422, "must end after the batch"},
		"no events in an object":   {`{"events":7}`, 422, `"field":"topic"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &memory{}
			answer := ask(serverWith(m, func(o *Options) { o.MaxBatchEvents, o.MaxBodyBytes = 5, 5000 }), "POST", "/publish", row.body)
			if answer.Code != row.status || !strings.Contains(answer.Body.String(), row.want) || m.counts.Received != 0 {
				t.Errorf("got %d %s, %d received", answer.Code, answer.Body, m.counts.Received)
			}
			checkProblem(t, answer.Code, answer.Header(), answer.Body.Bytes())
		})
	}
}

func TestPublishBatchWithAnEventTheStoreRefuses(t *testing.T) {
	t.Parallel()
	answer := ask(serverWith(&memory{outcome: event.Rejected}), "POST", "/publish", "["+goodEvent+"]")
	want := `{"received":0,"success":0,"ignored":0,"invalid":1,"results":[{"status":"invalid","errors":[{"field":"body","message":"is refused by the database"}]}]}` + "\n"
	if answer.Code != 422 || answer.Body.String() != want {
		t.Errorf("got %d %s", answer.Code, answer.Body)
	}
}

// poison is what must not pass in any form, and the field that is at fault.
func poison() map[string][2]string {
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
		"a day that is none":               {strings.Replace(goodEvent, "2025-12-19", "2025-02-30", 1), "timestamp"},
		"a payload that is an array":       {strings.Replace(goodEvent, `{"k":1.50}`, `[]`, 1), "payload"},
		"U+0000 in the payload":            {strings.Replace(goodEvent, `1.50`, `"\u0000"`, 1), "payload"},
		"U+0000 in a name of the payload":  {strings.Replace(goodEvent, `"k"`, `"\u0000"`, 1), "payload"},
		"a lone surrogate in the payload":  {strings.Replace(goodEvent, `1.50`, `"\ud800"`, 1), "payload"},
		"broken UTF-8 in the payload":      {strings.Replace(goodEvent, `1.50`, "\"\xff\"", 1), "payload"},
		"a name twice in the payload":      {strings.Replace(goodEvent, `1.50`, `1,"k":2`, 1), "payload"},
		"too many levels":                  {strings.Replace(goodEvent, `1.50`, deep, 1), "payload"},
		"a number that swells":             {strings.Replace(goodEvent, `1.50`, `1e131071`, 1), "payload"},
		"what is no object":                {`"event"`, "body"},
		"an event that is too long":        {strings.Replace(goodEvent, `1.50`, `"`+strings.Repeat("x", 3000)+`"`, 1), "body"},
	}
}

// TestPoisonInEveryForm: a form must not open a hole that another has closed,
// and an invalid event never takes its neighbours with it.
func TestPoisonInEveryForm(t *testing.T) {
	t.Parallel()
	for name, row := range poison() {
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
				answer := ask(serverWith(m, limit), "POST", "/publish", request[0], "Content-Type", request[1])
				if answer.Code != 207 || !strings.Contains(answer.Body.String(), want) || m.counts.Stored != 2 {
					t.Errorf("%s: got %d %s, %d stored", form, answer.Code, answer.Body, m.counts.Stored)
				}
			}
			m := &memory{}
			answer := ask(serverWith(m, limit), "POST", "/publish", text)
			if answer.Code != 422 && answer.Code != 413 || m.counts.Stored != 0 {
				t.Errorf("alone: got %d %s", answer.Code, answer.Body)
			}
		})
	}
}

// TestEveryFormGivesTheSameRow: an event means the same however it comes.
func TestEveryFormGivesTheSameRow(t *testing.T) {
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
			body := pack(t, strings.TrimPrefix(request[2], "x-"), request[0])
			answer := ask(serverWith(m), "POST", "/publish", body, "Content-Type", request[1], "Content-Encoding", request[2])
			if answer.Code != 200 || len(m.records) != 1 || !cmp.Equal(m.records[0].Event, want) {
				t.Errorf("got %d %s, stored %+v", answer.Code, answer.Body, m.records)
			}
		})
	}
}

// TestCloudEventsInEveryMode: one CloudEvent is one row, whatever the mode.
func TestCloudEventsInEveryMode(t *testing.T) {
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
		"structured":            {structured, []string{"Content-Type", "application/cloudevents+json; charset=utf-8"}},
		"structured and packed": {pack(t, "gzip", structured), []string{"Content-Type", "application/cloudevents+json", "Content-Encoding", "gzip"}},
		"batched":               {"[" + structured + "]", []string{"Content-Type", "application/cloudevents-batch+json"}},
		"binary":                {`{"k":1.50}`, binary},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &memory{}
			s := serverWith(m)
			answer := ask(s, "POST", "/publish", request.body, request.headers...)
			if answer.Code != 200 || len(m.records) != 1 || !cmp.Equal(m.records[0].Event, want) {
				t.Errorf("got %d %s, stored %+v", answer.Code, answer.Body, m.records)
			}
			if again := ask(s, "POST", "/publish", request.body, request.headers...); !strings.Contains(again.Body.String(), "ignored") {
				t.Errorf("again: %d %s", again.Code, again.Body)
			}
		})
	}
}

func TestCloudEventsThatAreInvalid(t *testing.T) {
	t.Parallel()
	const good = `{"specversion":"1.0","type":"t","source":"s","id":"1"}`
	for name, row := range map[string]struct {
		body    string
		headers []string
		status  int
		want    string
	}{
		"structured, every fault":     {`{"specversion":"2.0","type":""}`, []string{"Content-Type", "application/cloudevents+json"}, 422, `"field":"source"`},
		"a batch where one is":        {"[" + good + `,{"specversion":"1.0"}]`, []string{"Content-Type", "application/cloudevents-batch+json"}, 207, `{"status":"success"},{"status":"invalid","errors":[{"field":"`},
		"a batch that is an object":   {good, []string{"Content-Type", "application/cloudevents-batch+json"}, 422, "must be a JSON array"},
		"binary without an ID":        {`{}`, []string{"ce-specversion", "1.0", "ce-type", "t", "ce-source", "s"}, 422, `"field":"id"`},
		"a format that nobody knows":  {good, []string{"Content-Type", "application/cloudevents+avro"}, 415, "application/cloudevents-batch+json"},
		"an event beyond the limit":   {strings.Repeat(" ", 3000) + good, []string{"Content-Type", "application/cloudevents+json"}, 413, "2000 bytes"},
		"a batch in an object around": {`{"events":[` + good + `]}`, []string{"Content-Type", "application/cloudevents-batch+json"}, 422, "must be a JSON array"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer := ask(serverWith(&memory{}, func(o *Options) { o.MaxEventBytes = 2000 }), "POST", "/publish", row.body, row.headers...)
			if answer.Code != row.status || !strings.Contains(answer.Body.String(), row.want) {
				t.Errorf("got %d %s", answer.Code, answer.Body)
			}
		})
	}
}

// FuzzForms: a text is the same event in every form, or in none.
func FuzzForms(f *testing.F) {
	for _, row := range poison() {
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
			ask(serverWith(m), "POST", "/publish", request[0], "Content-Type", request[1])
			switch {
			case err != nil && len(m.records) > 0:
				t.Errorf("%s: %q is stored as %+v, but no event alone: %v", form, text, m.records, err)
			case err == nil && (len(m.records) != 1 || m.records[0].Event != want):
				t.Errorf("%s: %q is stored as %+v, and alone it is %+v", form, text, m.records, want)
			}
		}
	})
}
