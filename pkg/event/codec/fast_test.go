package codec

import (
	"testing"

	"pgregory.net/rapid"
)

// checkSameAsStrict compares what the fast decoder accepts with the strict decoder.
func checkSameAsStrict(t interface {
	Fatalf(format string, args ...any)
}, data []byte) (accepted bool) {
	var fast fastDecoder
	got, end, ok := fast.event(data)
	if !ok {
		return false
	}
	want, err := NewDecoder().strict(data[:end])
	if err != nil || got != want {
		t.Fatalf("the fast decoder reads %s as %+v, the strict one as %+v, %v", data[:end], got, want, err)
	}
	return true
}

const plainEvent = `{"topic":"user_login","event_id":"5f1c","timestamp":"2025-12-19T12:00:00Z","source":"web-1","payload":`

func TestFastDecoder_AcceptsCommonForms(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"as Go writes it":         plainEvent + `{"k":"v","n":[1,-2.50,true,false,null,{}]}}`,
		"as Python writes it":     "{\"topic\": \"a b\", \"event_id\": \"1\", \"timestamp\": \"2025-12-19\", \"source\": \"s\", \"payload\": {\"k\": [1, 2], \"é\": \"\\n ü\"}}\n",
		"indented":                "{\n  \"topic\": \"a\",\n  \"event_id\": \"1\",\n  \"timestamp\": \"2025-12-19\",\n  \"source\": \"s\",\n  \"payload\": {\n    \"k\": {}\n  }\n}",
		"members in other orders": `{"payload":{"payload":{}},"source":"s","timestamp":"2025-12-19","event_id":"1","topic":"a"}`,
		"one event before others": plainEvent + `{}},` + plainEvent + `{}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if !checkSameAsStrict(t, []byte(text)) {
				t.Errorf("left to the strict decoder: %s", text)
			}
		})
	}
}

// TestFastDecoder_LeavesOtherForms has one row for each reason to use the strict decoder.
func TestFastDecoder_LeavesOtherForms(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an unknown member":               `{"x":1,` + plainEvent[1:] + `{}}`,
		"a member twice":                  `{"topic":"a",` + plainEvent[1:] + `{}}`,
		"a member missing":                `{"topic":"a","payload":{}}`,
		"an escaped name":                 `{"\u0074opic":"a"` + plainEvent[21:] + `{}}`,
		"a text that is not ASCII":        `{"topic":"é` + plainEvent[11:] + `{}}`,
		"a text that begins with space":   `{"topic":" ` + plainEvent[10:] + `{}}`,
		"a control character":             `{"topic":"` + "\x7f" + plainEvent[10:] + `{}}`,
		"a day that does not exist":       `{"topic":"a","event_id":"b","timestamp":"2025-02-30","source":"s","payload":{}}`,
		"a name twice in one object":      plainEvent + `{"a":1,"b":{"a":1},"a":2}}`,
		"an escape by number":             plainEvent + `{"a":"\u0000"}}`,
		"an invalid escape":               plainEvent + `{"a":"\x"}}`,
		"a raw NUL":                       plainEvent + "{\"a\":\"\x00\"}}",
		"broken UTF-8":                    plainEvent + "{\"a\":\"\xff\"}}",
		"an exponent":                     plainEvent + `{"a":1e5}}`,
		"a number with a zero before":     plainEvent + `{"a":01}}`,
		"a number without its end":        plainEvent + `{"a":1.}}`,
		"many digits":                     plainEvent + `{"a":1` + manyZeros + `}}`,
		"many levels":                     plainEvent + `{"a":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}}`,
		"a payload that is not an object": plainEvent + `[]}`,
		"a comma before the end":          plainEvent + `{"a":1,}}`,
		"no end":                          plainEvent + `{}`,
		"nothing":                         "",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if checkSameAsStrict(t, []byte(text)) {
				t.Errorf("accepted: %s", text)
			}
		})
	}
}

const manyZeros = "0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"

// TestFastDecoder_EqualsStrictDecoder changes a few bytes of valid events. What
// the fast decoder still accepts, the strict one reads as the same event.
func TestFastDecoder_EqualsStrictDecoder(t *testing.T) {
	t.Parallel()
	bytes := []byte("{}[]\":,\\ \n\x00\x7f\xc3\xa9\xffu0019eE+-.tfnZT")
	rapid.Check(t, func(t *rapid.T) {
		text := []byte(plainEvent + `{"a": [1, -2.5, "é\n"], "b":{"c":null,"d":true}}}`)
		for range rapid.IntRange(0, 3).Draw(t, "changes") {
			at := rapid.IntRange(0, len(text)-1).Draw(t, "at")
			text[at] = rapid.SampledFrom(bytes).Draw(t, "byte")
		}
		checkSameAsStrict(t, text)
	})
}

func FuzzFastDecoder(f *testing.F) {
	f.Add([]byte(plainEvent + `{"a": [1, -2.5, "é\n"], "b":{"c":null,"d":true}}}`))
	f.Add([]byte(" { \"payload\" : { \"a\" : 0.10 } , \"source\":\"s\",\"timestamp\":\"2025-12-19 10:00,5+07\",\"event_id\":\"~\",\"topic\":\"a\"} x"))
	f.Fuzz(func(t *testing.T, data []byte) { checkSameAsStrict(t, data) })
}
