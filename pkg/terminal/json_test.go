package terminal

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

func TestJSONWriter_EscapesWithoutChange(t *testing.T) {
	t.Parallel()
	const text = "{\n\t\"a\": \"\u009b1m\u202e\u200b\u007f\U000e0067é日本\"\n}\n"
	var out bytes.Buffer
	parts := &jsonWriter{Writer: &out}
	for i := range len(text) { // each part ends within a character
		if n, err := parts.Write([]byte(text[i : i+1])); n != 1 || err != nil {
			t.Fatal(n, err)
		}
	}
	one := out.String()
	out.Reset()
	if _, err := (&jsonWriter{Writer: &out}).Write([]byte(text)); err != nil || out.String() != one {
		t.Fatalf("%q in parts of one byte, otherwise %q, %v", one, out.String(), err)
	}
	const want = "{\n\t\"a\": \"\\u009b1m\\u202e\\u200b\\u007f\\udb40\\udc67é日本\"\n}\n"
	if out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
	var before, after any
	if json.Unmarshal([]byte(text), &before) != nil || json.Unmarshal(out.Bytes(), &after) != nil {
		t.Fatal("not JSON")
	}
	if !reflect.DeepEqual(before, after) {
		t.Errorf("the value changed: %q", after)
	}
	if _, err := JSONWriter(&out).Write([]byte("\u009b")); err != nil || out.String() != want+"\u009b" {
		t.Error("a pipe gets other bytes")
	}
}

// unprintable reports whether a character is escaped.
func unprintable(r rune) bool { return Printable(string(r)) != string(r) }
