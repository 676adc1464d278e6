package loadgen

import (
	"strconv"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
)

func TestSameContent_ComparesJSONValues(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		a, b string
		same bool
	}{
		"another order of members":          {`{"a":1,"b":{"c":[],"d":null}}`, `{"b":{"d":null,"c":[]},"a":1}`, true},
		"another order of elements":         {`{"a":[1,2]}`, `{"a":[2,1]}`, false},
		"a number without its exponent":     {`{"a":1.5e3}`, `{"a":1500.0}`, true},
		"a small number":                    {`{"a":25E-4}`, `{"a":0.0025}`, true},
		"zero in all its forms":             {`{"a":-0.0}`, `{"a":0e7}`, true},
		"a sign":                            {`{"a":-1}`, `{"a":1}`, false},
		"more digits than a float":          {`{"a":9007199254740993}`, `{"a":9007199254740992}`, false},
		"a lost digit":                      {`{"a":0.12345678901234567891}`, `{"a":0.1234567890123456789}`, false},
		"a power of ten":                    {`{"a":10}`, `{"a":1}`, false},
		"an escaped text":                   {`{"\u0061":"\u00e9\/"}`, `{"a":"é/"}`, true},
		"a text that looks like a number":   {`{"a":"1"}`, `{"a":1}`, false},
		"a text that looks like a constant": {`{"a":"true"}`, `{"a":true}`, false},
		"true and false":                    {`{"a":true}`, `{"a":false}`, false},
		"a member more":                     {`{"a":1}`, `{"a":1,"b":1}`, false},
		"text that closes a text":           {`{"a":"b\",\"c"}`, `{"a":"b","c":""}`, false},
		"invalid JSON equals only itself":   {`{"a":`, `{"a":1}`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, b := event.Event{Payload: test.a}, event.Event{Payload: test.b}
			if got := sameContent(a, b); got != test.same {
				t.Errorf("%s and %s: same is %v", test.a, test.b, got)
			}
		})
	}
}

func TestSameContent_ComparesAllMembers(t *testing.T) {
	t.Parallel()
	base := event.Event{Topic: "t", ID: "i", Source: "s", Timestamp: time.UnixMicro(1).UTC(), Payload: "{}"}
	edits := map[string]func(*event.Event){
		"topic":     func(e *event.Event) { e.Topic = "x" },
		"id":        func(e *event.Event) { e.ID = "x" },
		"source":    func(e *event.Event) { e.Source = "x" },
		"timestamp": func(e *event.Event) { e.Timestamp = e.Timestamp.Add(time.Microsecond) },
		"payload":   func(e *event.Event) { e.Payload = `{"x":1}` },
	}
	for name, edit := range edits {
		changed := base
		edit(&changed)
		if sameContent(base, changed) {
			t.Errorf("a changed %s is not noticed", name)
		}
	}
	if !sameContent(base, base) {
		t.Error("an event differs from itself")
	}
}

func TestAppendNumber_KeepsValue(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`[1-9][0-9]{0,30}`).Draw(t, "digits")
		zeros := rapid.StringMatching(`0{0,5}`).Draw(t, "zeros")
		plain := string(appendNumber(nil, []byte(digits+zeros)))
		point := string(appendNumber(nil, []byte(digits+zeros+".000")))
		shifted := string(appendNumber(nil, []byte("0."+digits+"E"+strconv.Itoa(len(digits)+len(zeros)))))
		if plain != point || plain != shifted {
			t.Fatalf("%s%s is %s, %s and %s", digits, zeros, plain, point, shifted)
		}
	})
}
