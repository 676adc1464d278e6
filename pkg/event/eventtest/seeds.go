package eventtest

import (
	"strings"

	"github.com/eventagg/eventagg/pkg/event"
)

// Seeds returns texts of valid and invalid events with details on which decoders
// and databases disagree. Fuzz tests start with them, and every store must store
// the valid ones.
func Seeds() []string {
	seeds := []string{
		sent("", ""), "{}", "", "null", "[]", sent("", "") + "x", " \n" + sent("", "") + "\t ", "\ufeff" + sent("", ""),
		`{"\u0074opic":"a","x":[` + sent("", "") + `]}`, strings.TrimSuffix(sent("", ""), "}") + `,"x":null}`,
		strings.TrimSuffix(sent("", ""), "}") + `,"topic":"b"}`, strings.TrimSuffix(sent("", ""), "}"),
	}
	for _, value := range texts() {
		for _, name := range []string{"topic", "event_id", "source"} {
			seeds = append(seeds, sent(name, value))
		}
	}
	for _, value := range timestamps() {
		seeds = append(seeds, sent("timestamp", value))
	}
	for _, value := range payloads() {
		seeds = append(seeds, sent("payload", value))
	}
	return seeds
}

// sent returns the text of an event in which one member has another value.
func sent(name, value string) string {
	members := []string{"topic", `"user_login"`, "event_id", `"5f1c"`, "timestamp", `"2025-12-19T12:00:00Z"`, "source", `"web-1"`, "payload", `{"k":"v"}`}
	var text strings.Builder
	for i := 0; i < len(members); i += 2 {
		if members[i] == name {
			members[i+1] = value
		}
		text.WriteString(`,"` + members[i] + `":` + members[i+1])
	}
	return "{" + text.String()[1:] + "}"
}

// quoted returns a string literal of one piece, repeated.
func quoted(piece string, times int) string { return `"` + strings.Repeat(piece, times) + `"` }

// texts returns values of topic, event_id and source.
func texts() []string {
	return []string{
		`"\ud83d\ude00"`, `"\ud83d"`, `"\ude00\ud83d"`, `"a\u0000"`, "\"a\x00\"", `"\u0085"`, `"\u009f"`, "\"\u0080a\"", `"\u007f"`, `"\n"`, `"a\tb"`,
		"\"\xff\"", "\"\xed\xa0\x80\"", "\"\xc0\x80\"", "\"\xf4\x90\x80\x80\"", `"\ufffd"`, `"\uffff"`, `"\ufeff"`, `"\u200b"`, `"\u00a0"`, `"\u2028a"`,
		`""`, `" "`, `" a "`, `"null"`, `null`, `1`, `"."`, `".."`, `"a/b"`, `"%2F"`, `"%"`, `"\\"`, `"\\x00"`, `"\\u0000"`, `"\\N"`, `"\""`, `"'; --"`, `"$1"`, `"{}"`,
		`"{NULL}"`, `"e\u0301"`, `"\u00e9"`, `"\u0130"`, `"\u1e9e"`, `"\u0378"`, `"\u202ea"`, `"\udbff\udfff"`, `"\ud83d\udc69\u200d\ud83d\ude80"`,
		quoted("x", event.MaxTopicBytes), quoted("x", event.MaxTopicBytes+1), quoted("é", event.MaxTopicBytes/len("é")), quoted(`\u0073`, event.MaxTopicBytes),
		quoted("😀", event.MaxIDBytes/len("😀")), quoted("😀", event.MaxIDBytes/len("😀")+1), quoted(`\ud83d\ude00`, event.MaxSourceBytes/len("😀")),
	}
}

// timestamps returns values at the limits of what is valid, and above.
func timestamps() []string {
	return []string{
		`"2025-12-19 12:00,5-0730"`, `"2025-12-19"`, `"2025-12-19T12:00"`, `"2025-12-19T12:00:00.1234567890123456789+07"`, `"2024-02-29T23:59:59.999999999Z"`,
		`"2025-02-29"`, `"2016-12-31T23:59:60Z"`, `"2025-12-19T24:00:00Z"`, `"1582-10-10T00:00:00Z"`, `"1900-02-29"`, `"2038-01-19T03:14:08Z"`,
		`"0001-01-01T00:00:00Z"`, `"0001-01-01T00:00:00+00:01"`, `"0001-01-01T14:00:00+14:00"`, `"0001-01-01T00:00:00-23:59"`, `"0000-12-31T23:59:59Z"`,
		`"9999-12-31T23:59:59.999999999Z"`, `"9999-12-31T23:59:59-00:01"`, `"9999-12-31T23:59:59+23:59"`, `"10000-01-01T00:00:00Z"`, `"+2025-12-19"`,
		`"1970-01-01T00:00:00.000001-00:00"`, `"1969-12-31T23:59:59.999999Z"`, `"1969-12-31T23:59:59.9999999Z"`, `"infinity"`, `1766145600`,
	}
}

// payloads returns objects, and values that are not objects.
func payloads() []string {
	levels := func(n int, opening, closing string) string {
		return `{"n":` + strings.Repeat(opening, n-1) + strings.Repeat(closing, n-1) + `}`
	}
	return []string{
		"{}", "{ }", "[]", "null", `"{}"`, "{}{}", `{"a":1,}`, `{"a":{"b":[1.50,-0e-3,true,null,"\u00e9\/ "]}}`, "{ \"a\" : 1e999 }", `{"a":1,"\u0061":2}`, `{"":{"":1}}`,
		`{"a":1,"A":1,"á":1,"a\u0301":1}`, `{"a\/b":1,"a\\b":2}`, `{"\u0000":1}`, `{"a":"\u0000"}`, `{"a":"\\u0000"}`, `{"a":"\\\u0000"}`, "{\"a\":\"\x00\"}", "{\"a\":\"\x7f\x80\"}",
		`{"a":"\ud83d\ude00"}`, `{"a":"\uD83D\uDE00"}`, `{"a":"\ud83d"}`, `{"a":"\ude00"}`, `{"a":"\ud83d\ud83d\ude00"}`, `{"\ud83d":1}`, `{"a":"\ud83dx\ude00"}`, "{\"a\":\"\xed\xa0\x80\"}",
		`{"a":"\u0001\u001f\u007f\u0085\u2028\ufeff\ufffe\uffff"}`, "{\"\ufeff\":\"\uffff\U0010ffff\"}", `{"a":"\b\f\n\r\t\"\\\/"}`, "{\"a\":\"\n\"}", `{"a":"\x41"}`, `{"a":'b'}`,
		`{"a":[0,-0,0.0,-0.0,0e0,-0E+0,1.0,1.10,1E+2,1e-2,9007199254740993,18446744073709551616,0.30000000000000004,5e-324,1.7976931348623157e308]}`,
		`{"a":01}`, `{"a":+1}`, `{"a":.5}`, `{"a":1.}`, `{"a":0x1}`, `{"a":NaN}`, `{"a":Infinity}`, `{"a":1e-999}`, `{"a":1e1000}`, `{"a":0e99999999999999999999}`, `{"a":0.0e-131071}`,
		`{"a":1e131071}`, `{"a":` + strings.Repeat("9", event.MaxNumberDigits) + `}`, `{"a":0.` + strings.Repeat("9", event.MaxNumberDigits) + `}`,
		`{"a":-` + strings.Repeat("1", event.MaxNumberDigits/2) + "." + strings.Repeat("2", event.MaxNumberDigits/2) + `}`,
		levels(event.MaxPayloadDepth, "[", "]"), levels(event.MaxPayloadDepth+1, "[", "]"), levels(event.MaxPayloadDepth, `{"n":[`, "]}"),
		strings.Repeat(`{"n":`, event.MaxPayloadDepth-1) + "{}" + strings.Repeat("}", event.MaxPayloadDepth-1),
		strings.Repeat(`{"n":`, event.MaxPayloadDepth) + "{}" + strings.Repeat("}", event.MaxPayloadDepth),
		`{"a":` + quoted("é", 50_000) + `}`, `{"a":` + quoted(`\u0041`, 10_000) + `}`, `{` + quoted("name", 5_000) + `:0}`, `{"a":[` + strings.Repeat(" 1 ,\n", 20_000) + `2]}`,
	}
}
