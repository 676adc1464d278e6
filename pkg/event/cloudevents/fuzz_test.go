package cloudevents_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/cloudevents"
	"github.com/eventagg/eventagg/pkg/event/eventtest"
)

// FuzzStructured checks that the result is a valid event from which the CloudEvent
// can be built again.
func FuzzStructured(f *testing.F) {
	for _, seed := range []string{
		"", "[]", "{}", text(""), text(`"data":{"a":[1.50,-0e-3,true,null,"\u00e9\/ "]}`), text(`"datacontenttype":"text/plain","data":"\u0061\ud83d\ude00"`),
		text(`"data_base64":"AP/g4Q==","datacontenttype":"image/png"`), text(`"time":"2018-04-05T17:31:00.5+07:00","subject":"s","dataschema":"a:b"`),
		text(`"b":true,"n":-1,"s":"\u0000","B":null,"id":"x"`), `{"\u0074ype":"a","source":" ","id":1,"specversion":"0.3"}`,
	} {
		f.Add([]byte(seed))
	}
	decoder := cloudevents.NewDecoder()
	f.Fuzz(func(t *testing.T, data []byte) {
		before := string(data)
		got, err := decoder.Structured(data, arrival())
		if string(data) != before {
			t.Fatalf("the input became %q", data)
		}
		checkResult(t, got, err)
	})
}

// FuzzBinary is the same for headers, one a line, and a body.
func FuzzBinary(f *testing.F) {
	const head = "ce-specversion:1.0\nce-type:t\nce-source:/s\nce-id:1\n"
	f.Add("", "")
	f.Add(head+"content-type:application/json", ` {"a": [1.0, "\u0061"]} `)
	f.Add(head+"content-type:text/plain\nce-subject:Euro%20%E2%82%AC%20%F0%9F%98%80", "a\x00é")
	f.Add(head+"content-type:a/b+xml;charset=\"utf-8\"\nce-ext:\"a \\\" b\"\nce-time:2018-04-05T17:31:00Z", "<a/>")
	f.Add(head+"ce-data:1\nce-datacontenttype:a/b\nce-a-b:%\nce-x:1\nCE-X:2", "\xff")
	decoder := cloudevents.NewDecoder()
	f.Fuzz(func(t *testing.T, lines, body string) {
		header := http.Header{}
		for line := range strings.Lines(lines) {
			name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
			header.Add(name, value)
		}
		got, err := decoder.Binary(header, []byte(body), arrival())
		checkResult(t, got, err)
	})
}

func checkResult(t *testing.T, got event.Event, err error) {
	t.Helper()
	if err == nil {
		checkRow(t, got)
		return
	}
	if len(eventtest.FieldErrors(err)) == 0 || got != (event.Event{}) {
		t.Fatalf("rejected with %v and %+v, want errors and no event", err, got)
	}
}
