package server

import (
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/api"
)

func TestPublish_PreferredHandling(t *testing.T) {
	t.Parallel()
	mixed, bad := "["+eventWith("a")+","+badEvent+"]", "["+badEvent+"]"
	good := "[" + eventWith("a") + "," + eventWith("b") + "]"
	lines := []string{"Content-Type", api.TypeLines}
	for name, row := range map[string]struct {
		body    string
		prefer  string
		headers []string
		status  int
		want    string
		applied string
		stored  int64
	}{
		"strict stores nothing if an event is invalid":  {mixed, "handling=strict", nil, 422, `{"received":0,"success":0,"ignored":0,"invalid":1,"results":[{"status":"skipped"},{"status":"invalid"`, "handling=strict", 0},
		"strict and minimal names only the invalid one": {mixed, "handling=strict, return=minimal", nil, 422, `"results":[{"index":1,"status":"invalid"`, "return=minimal,handling=strict", 0},
		"strict stores a valid batch":                   {good, "handling=strict", nil, 200, `{"received":2,"success":2`, "handling=strict", 2},
		"strict is not possible for lines":              {eventWith("a") + "\n" + badEvent, "handling=strict", lines, 422, `"field":"handling"`, "", 0},
		"lenient is 200 for some":                       {mixed, "handling=lenient", nil, 200, `{"received":1,"success":1,"ignored":0,"invalid":1,"results":[{"status":"success"},{"status":"invalid"`, "handling=lenient", 1},
		"lenient is 200 for none":                       {bad, "handling=lenient", nil, 200, `{"received":0,"success":0,"ignored":0,"invalid":1`, "handling=lenient", 0},
		"lenient is 200 for lines":                      {eventWith("a") + "\n" + badEvent, "handling=lenient", lines, 200, `"invalid":1`, "handling=lenient", 1},
		"lenient does not change a single event":        {badEvent, "handling=lenient", nil, 422, `"title":"Invalid event"`, "", 0},
		"reply is a 2xx without a body":                 {eventWith("a"), "reply", nil, 204, "", "", 1},
		"reply for a batch":                             {good, "reply", nil, 204, "", "", 2},
		"reply has the body of an error":                {badEvent, "reply", nil, 422, `"title":"Invalid event"`, "", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := &memory{}
			response := send(serverWith(m), "POST", "/publish", row.body, append(row.headers, "Prefer", row.prefer)...)
			if response.Code != row.status || !strings.Contains(response.Body.String(), row.want) || row.want == "" && response.Body.Len() > 0 {
				t.Errorf("got %d %s, want %d %s", response.Code, response.Body, row.status, row.want)
			}
			if applied := strings.Join(response.Header()["Preference-Applied"], ","); applied != row.applied {
				t.Errorf("applied %q, want %q", applied, row.applied)
			}
			if stats, _ := m.Stats(t.Context()); stats.Stored != row.stored {
				t.Errorf("%d events are stored, want %d", stats.Stored, row.stored)
			}
		})
	}
}

func TestPublish_ByteOrderMarkIsIgnored(t *testing.T) {
	t.Parallel()
	const bom = "\ufeff"
	for name, row := range map[string]struct{ body, contentType string }{
		"an event":                {bom + goodEvent, api.TypeJSON},
		"an array":                {bom + "[" + goodEvent + "]", api.TypeJSON},
		"an object around it":     {bom + `{"events":[` + goodEvent + "]}", api.TypeJSON},
		"lines":                   {bom + goodEvent + "\n" + bom + goodEvent + "\n", api.TypeLines},
		"lines as JSON":           {bom + goodEvent + "\n" + bom + goodEvent + "\n", api.TypeJSON},
		"a CloudEvent":            {bom + someCloudEvent, api.TypeCloudEvent},
		"an array of CloudEvents": {bom + "[" + someCloudEvent + "]", api.TypeCloudEvents},
	} {
		if response := send(serverWith(&memory{}), "POST", "/publish", row.body, "Content-Type", row.contentType); response.Code != 200 {
			t.Errorf("%s: got %d %s", name, response.Code, response.Body)
		}
	}
}

func TestPublish_MediaTypesInOtherSpellings(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{
		"application/ndjson", "application/jsonl", "application/x-ndjson; charset='utf-8'", "application/x-ndjson, application/x-ndjson",
		"Application/NDJSON;charset=UTF8",
	} {
		if response := send(serverWith(&memory{}), "POST", "/publish", goodEvent+"\n", "Content-Type", contentType); response.Code != 200 ||
			!strings.HasPrefix(response.Body.String(), `{"received":1`) {
			t.Errorf("%s: got %d %s", contentType, response.Code, response.Body)
		}
	}
	for _, contentType := range []string{"application/json, application/x-ndjson", "application/json, text/plain", "text/plain"} {
		if response := send(serverWith(&memory{}), "POST", "/publish", goodEvent, "Content-Type", contentType); response.Code != 415 {
			t.Errorf("%s: got %d %s", contentType, response.Code, response.Body)
		}
	}
}
