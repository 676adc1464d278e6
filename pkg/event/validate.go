package event

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/eventagg/eventagg/pkg/event/payload"
)

// The limits of an event. Lengths are in bytes of UTF-8 because an index entry
// of a database has a limit in bytes (2,704 on PostgreSQL; topic and event_id
// together stay well below).
const (
	MaxTopicBytes   = 255
	MaxIDBytes      = 512
	MaxSourceBytes  = 255
	MaxPayloadDepth = payload.MaxDepth
	MaxNumberDigits = payload.MaxNumberDigits
)

// The values of [FieldError.Field]: the members of an event and its text as a
// whole.
const (
	FieldBody      = "body"
	FieldTopic     = "topic"
	FieldID        = "event_id"
	FieldTimestamp = "timestamp"
	FieldSource    = "source"
	FieldPayload   = "payload"
)

// Validate checks an event that was made in Go rather than decoded. It returns
// nil or an [*InvalidError] with every field error. An event that package codec
// decoded is always valid.
func (e Event) Validate() error {
	var found FieldErrors
	found.CheckText(FieldTopic, e.Topic, MaxTopicBytes)
	found.CheckText(FieldID, e.ID, MaxIDBytes)
	found.checkTimestamp(e.Timestamp)
	found.CheckText(FieldSource, e.Source, MaxSourceBytes)
	if compact, err := payload.NewChecker().AppendObject(nil, []byte(e.Payload)); err != nil {
		found.Add(FieldPayload, err.Error())
	} else if string(compact) != e.Payload {
		found.Add(FieldPayload, "must have no white space between its tokens")
	}
	return found.Err()
}

// CheckText adds what is wrong with a text that identifies an event, such as a
// topic: its length, white space only, and what [FieldErrors.CheckCharacters]
// finds.
func (f *FieldErrors) CheckText(field, value string, maxBytes int) {
	if len(value) > maxBytes {
		f.Add(field, fmt.Sprintf("must be at most %d bytes of UTF-8, has %d", maxBytes, len(value)))
	}
	if strings.TrimFunc(value, unicode.IsSpace) == "" {
		f.Add(field, "must not be empty or only white space")
	}
	f.CheckCharacters(field, value)
}

// CheckCharacters adds what is wrong with the characters of a text: invalid
// UTF-8, and control characters including those of C1.
func (f *FieldErrors) CheckCharacters(field, value string) {
	if !utf8.ValidString(value) {
		f.Add(field, "must be valid UTF-8")
	}
	if strings.ContainsFunc(value, unicode.IsControl) {
		f.Add(field, "must not contain control characters")
	}
}

func (f *FieldErrors) checkTimestamp(t time.Time) {
	year := t.UTC().Year()
	switch {
	case year < 1 || year > 9999:
		f.Add(FieldTimestamp, "must lie in the years 0001 to 9999 (UTC)")
	case t.Location() != time.UTC || t.Nanosecond()%1000 != 0:
		f.Add(FieldTimestamp, "must be in UTC and whole microseconds")
	}
}
