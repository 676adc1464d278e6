// Package eventtest generates valid events for property tests, and texts of
// events as seeds of fuzz tests. Most generated events are as difficult for
// stores and encodings as validation allows. Only tests import it.
package eventtest

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
)

// Events generates valid events.
func Events() *rapid.Generator[event.Event] {
	return rapid.Custom(func(t *rapid.T) event.Event {
		return event.Event{
			Topic:     Text(event.MaxTopicBytes).Draw(t, "topic"),
			ID:        Text(event.MaxIDBytes).Draw(t, "event_id"),
			Timestamp: Times().Draw(t, "timestamp"),
			Source:    Text(event.MaxSourceBytes).Draw(t, "source"),
			Payload:   Payloads().Draw(t, "payload"),
		}
	})
}

// pieces returns the parts of generated texts: what quoting, escaping,
// normalizing, trimming and sorting often get wrong. None is a control character.
func pieces() []string {
	return []string{
		"a", "b", "A", "0", "user_login", "web-1", " ", "'", "''", `"`, `\`, `\\`, `\u0000`, `\N`, "$1", "$$", "?", "%s", "_", "%", "/", "/../",
		"--", ";", "{", "}", ",", "NULL", "null", "<b>", "&amp;", "é", "e\u0301", "ß", "İ", "\u00a0", "\u00ad", "\u0378", "\u200b", "\u200d", "\u202e",
		"\u2028", "\ufeff", "\ufffd", "\uffff", "\ue000", "\U0001f469\u200d\U0001f680", "\U0010ffff", "\U000e0001", "\u0e33", "漢字", "عربى",
	}
}

// Text generates valid topics, event_ids and sources: 1 to maxBytes bytes of
// UTF-8, without control characters, not only white space.
func Text(maxBytes int) *rapid.Generator[string] {
	mixed := rapid.Map(rapid.SliceOfN(rapid.SampledFrom(pieces()), 1, 6), func(parts []string) string {
		return strings.Join(parts, "")
	})
	full := rapid.Map(rapid.SampledFrom(pieces()), func(piece string) string {
		return strings.Repeat(piece, maxBytes/len(piece)+1)
	})
	return rapid.Map(rapid.OneOf(mixed, mixed, mixed, full), func(text string) string {
		return makeValid(text, maxBytes)
	})
}

// makeValid adds a letter to a text that is only white space, and truncates a text
// to maxBytes between two characters.
func makeValid(text string, maxBytes int) string {
	if strings.TrimSpace(text) == "" {
		text = "x" + text
	}
	if len(text) <= maxBytes {
		return text
	}
	end := maxBytes
	for !utf8.RuneStart(text[end]) {
		end--
	}
	return text[:end]
}

// Times generates times in UTC and whole microseconds, from the first one of year
// 1 to the last one of year 9999. Edge cases are frequent.
func Times() *rapid.Generator[time.Time] {
	first := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro()
	last := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro() - 1
	edges := []int64{first, first + 1, last - 1, last, -1, 0, 1, 999_999, 1_000_000,
		time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC).UnixMicro(), // PostgreSQL's zero
		time.Date(2038, 1, 19, 3, 14, 8, 0, time.UTC).UnixMicro(),
		time.Date(1582, 10, 10, 0, 0, 0, 0, time.UTC).UnixMicro(), // a day that some calendars lack
	}
	micros := rapid.OneOf(rapid.SampledFrom(edges), rapid.Int64Range(first, last))
	return rapid.Map(micros, func(n int64) time.Time { return time.UnixMicro(n).UTC() })
}

// FieldErrors returns the field errors of err, one text each.
func FieldErrors(err error) []string {
	var invalid *event.InvalidError
	if !errors.As(err, &invalid) {
		return nil
	}
	var all []string
	for _, field := range invalid.Fields {
		all = append(all, field.Field+" "+field.Message)
	}
	return all
}
