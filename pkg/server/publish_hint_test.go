package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

func gzipped(text string) string {
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return out.String()
}

func zstandard(t *testing.T, text string) string {
	t.Helper()
	w, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(w.EncodeAll([]byte(text), nil))
}

const someCloudEvent = `{"specversion":"1.0","id":"1","type":"t","source":"/s","data":{}}`

func TestPublish_HintsAtLikelyMistake(t *testing.T) {
	t.Parallel()
	two := eventWith("a") + "\n" + eventWith("b") + "\n"
	long := strings.Replace(two, `"k":1.50`, `"k":"`+strings.Repeat("x", 800)+`"`, 2)
	for name, row := range map[string]struct {
		body    string
		headers []string
		status  int
		want    string // "" for no hint
	}{
		"lines as JSON are a batch":               {two, nil, 200, ""},
		"lines as JSON, longer than an event":     {long, nil, 200, ""},
		"lines as JSON, the first one invalid":    {"{}\n" + two, nil, 207, ""},
		"two objects on a line":                   {eventWith("a") + eventWith("b"), nil, 422, "has more than one object on a line"},
		"two objects on a line of several":        {eventWith("a") + eventWith("b") + "\n" + two, []string{"Content-Type", api.TypeLines}, 207, "has more than one object on a line"},
		"an event over several lines, as lines":   {"{\n\"topic\":\n\"t\"\n}", []string{"Content-Type", api.TypeLines}, 422, "looks like JSON over several lines"},
		"UTF-16 with a byte order mark":           {"\xff\xfe{\x00}\x00", nil, 422, "looks like UTF-16"},
		"UTF-16 without one":                      {"\x00{\x00}", nil, 422, "looks like UTF-16"},
		"UTF-16 lines":                            {"{\x00}\x00\n\x00", []string{"Content-Type", api.TypeLines}, 422, "looks like UTF-16"},
		"an array of CloudEvents as JSON":         {"[" + someCloudEvent + "," + someCloudEvent + "]", nil, 422, "send the array with Content-Type: application/cloudevents-batch+json"},
		"lines of CloudEvents":                    {someCloudEvent + "\n" + someCloudEvent, []string{"Content-Type", api.TypeLines}, 422, "looks like a CloudEvent: send one per request"},
		"gzip that is declared as plain":          {gzipped(goodEvent), []string{"Content-Encoding", "identity"}, 422, "looks like gzip: send it with Content-Encoding: gzip"},
		"gzip that is zstd once more":             {zstandard(t, gzipped(goodEvent)), []string{"Content-Encoding", "zstd"}, 422, "is compressed twice"},
		"lines that are compressed twice":         {gzipped(gzipped(two)), []string{"Content-Encoding", "gzip", "Content-Type", api.TypeLines}, 422, "is compressed twice"},
		"a charset as the coding":                 {goodEvent, []string{"Content-Encoding", "UTF-8"}, 415, "UTF-8 is a charset"},
		"an object and something else":            {eventWith("a") + " x", nil, 422, ""},
		"gzip as JSON":                            {gzipped(goodEvent), nil, 422, "looks like gzip: send it with Content-Encoding: gzip"},
		"zstd as JSON":                            {zstandard(t, goodEvent), nil, 422, "looks like zstd: send it with Content-Encoding: zstd"},
		"gzip that is gzip once more":             {gzipped(gzipped(goodEvent)), []string{"Content-Encoding", "gzip"}, 422, "is compressed twice"},
		"gzip as a CloudEvent":                    {gzipped(goodEvent), []string{"Content-Type", api.TypeCloudEvent}, 422, "looks like gzip: send it with Content-Encoding: gzip"},
		"gzip as data of an invalid CloudEvent":   {gzipped("{}"), []string{"Ce-Id", "1", "Ce-Specversion", "1.0", "Content-Type", api.TypeJSON}, 422, ""},
		"a CloudEvent as JSON":                    {someCloudEvent, nil, 422, "looks like a CloudEvent: send it with Content-Type: application/cloudevents+json"},
		"a CloudEvent with an escape in a name":   {strings.Replace(someCloudEvent, `"id"`, `"\u0069d"`, 1), nil, 422, "looks like a CloudEvent: send it with Content-Type: application/cloudevents+json"},
		"a CloudEvent without its specversion":    {strings.Replace(someCloudEvent, "specversion", "version", 1), nil, 422, ""},
		"a CloudEvent in invalid JSON":            {someCloudEvent + "x", nil, 422, ""},
		"a batch that is cut off":                 {"[" + eventWith("a"), nil, 422, ""},
		"an invalid event":                        {badEvent, nil, 422, ""},
		"an event that is too long":               {strings.Replace(goodEvent, `"k":1.50`, `"k":"`+strings.Repeat("x", 2000)+`"`, 1), nil, 413, ""},
		"nothing":                                 {"", nil, 422, ""},
		"an array as lines":                       {"[" + eventWith("a") + "]", []string{"Content-Type", api.TypeLines}, 422, "looks like an array: send it with Content-Type: application/json"},
		"an array over several lines":             {"\n [\n" + two + "]", []string{"Content-Type", api.TypeLines}, 207, "looks like an array: send it with Content-Type: application/json"},
		"an array as one line that is too long":   {"[" + strings.Repeat(eventWith("a")+",", 20) + "{}]", []string{"Content-Type", api.TypeLines}, 422, "looks like an array: send it with Content-Type: application/json"},
		"an array later among lines":              {two + "[]", []string{"Content-Type", api.TypeLines}, 207, ""},
		"a second line that is an array":          {"{}\n[]", []string{"Content-Type", api.TypeLines}, 422, ""},
		"gzip as lines":                           {gzipped(two), []string{"Content-Type", api.TypeLines}, 422, "looks like gzip: send it with Content-Encoding: gzip"},
		"zstd as lines":                           {zstandard(t, two), []string{"Content-Type", api.TypeLines}, 422, "looks like zstd: send it with Content-Encoding: zstd"},
		"lines as they should be":                 {two, []string{"Content-Type", api.TypeLines}, 200, ""},
		"an event with a CloudEvent's attributes": {strings.Replace(goodEvent, "{", `{"specversion":"1.0","id":"1","type":"t",`, 1), nil, 200, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serverWith(&memory{}, func(o *Options) { o.MaxEventBytes = 1000 })
			response := send(s, "POST", "/publish", row.body, row.headers...)
			if response.Code != row.status || strings.Count(response.Body.String(), "looks like") > 1 {
				t.Errorf("got %d %s", response.Code, response.Body)
			}
			if row.want == "" && strings.Contains(response.Body.String(), "looks like") || !strings.Contains(response.Body.String(), row.want) {
				t.Errorf("want the hint %q in %s", row.want, response.Body)
			}
		})
	}
}

// TestPublish_HintChangesOnlyTheText compares the responses with the errors of the
// decoder.
func TestPublish_HintChangesOnlyTheText(t *testing.T) {
	t.Parallel()
	pieces := []string{goodEvent, badEvent, someCloudEvent, "\n", " ", "[", "]", "{}", "{", ",", "7", "\x1f\x8b\x08\x00", "\x28\xb5\x2f\xfd"}
	s := serverWith(&memory{})
	rapid.Check(t, func(t *rapid.T) {
		body := strings.Join(rapid.SliceOfN(rapid.SampledFrom(pieces), 0, 5).Draw(t, "pieces"), "")
		e, err := codec.Decode([]byte(body))
		response := send(s, "POST", "/publish", body)
		if err == nil {
			if response.Code != 200 {
				t.Errorf("event %v got %d %s", e, response.Code, response.Body)
			}
			return
		}
		if strings.HasPrefix(strings.TrimSpace(body), "[") {
			return // a batch has another form of response
		}
		if strings.Contains(response.Body.String(), `"results":`) && strings.Contains(body, "\n") {
			return // so do several lines
		}
		var problem api.Problem
		if err := json.Unmarshal(response.Body.Bytes(), &problem); err != nil {
			t.Fatalf("%s: %v", response.Body, err)
		}
		if diff := cmp.Diff(fieldErrors(err), problem.Errors); diff != "" || response.Code != 422 || !strings.HasPrefix(problem.Detail, "The event is invalid; see errors.") {
			t.Errorf("%q got %d %s, errors (-want +got):\n%s", body, response.Code, response.Body, diff)
		}
	})
}

// fieldErrors returns what is wrong with an event.
func fieldErrors(err error) []event.FieldError {
	if invalid, ok := errors.AsType[*event.InvalidError](err); ok {
		return invalid.Fields
	}
	return nil
}
