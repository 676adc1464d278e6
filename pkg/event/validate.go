package event

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// The limits of an event. Lengths are in bytes of UTF-8, since that is what a
// database's index entry is limited in (2,704 bytes on PostgreSQL: topic and
// event_id together stay well below).
const (
	MaxTopicBytes  = 255
	MaxIDBytes     = 512
	MaxSourceBytes = 255
	// MaxPayloadDepth counts the payload itself as level 1.
	MaxPayloadDepth = 64
	// MaxNumberDigits is how many digits a number may need when written out
	// in full: 1e131071 is short here and 131,072 digits in a database.
	MaxNumberDigits = 1000
)

// Names of the members of an event, as [Fault.Field] gives them.
const (
	fieldBody      = "body"
	fieldTopic     = "topic"
	fieldID        = "event_id"
	fieldTimestamp = "timestamp"
	fieldSource    = "source"
	fieldPayload   = "payload"
)

// Validate checks an event that was made in Go rather than decoded. It returns
// nil or an [*InvalidError] with every fault. An event that came out of
// [Decode] is always valid.
func (e Event) Validate() error {
	var found faults
	checkText(&found, fieldTopic, e.Topic, MaxTopicBytes)
	checkText(&found, fieldID, e.ID, MaxIDBytes)
	checkTimestamp(&found, e.Timestamp)
	checkText(&found, fieldSource, e.Source, MaxSourceBytes)
	if compact, err := NewDecoder().appendPayload(nil, []byte(e.Payload)); err != nil {
		found.add(fieldPayload, err.Error())
	} else if string(compact) != e.Payload {
		found.add(fieldPayload, "must have no white space between its tokens")
	}
	return found.err()
}

// checkText applies the rule that topic, event_id and source share.
func checkText(found *faults, field, value string, maxBytes int) {
	*found = CheckText(*found, field, value, maxBytes)
}

// CheckText appends to found what is wrong with a text that identifies an event,
// as topic, event_id and source do: its length, white space alone, and what
// [CheckCharacters] finds. It is for packages that read such a text from another
// format, under another name.
func CheckText(found []Fault, field, value string, maxBytes int) []Fault {
	if len(value) > maxBytes {
		found = append(found, Fault{field, fmt.Sprintf("must be at most %d bytes of UTF-8, has %d", maxBytes, len(value))})
	}
	if strings.TrimFunc(value, unicode.IsSpace) == "" {
		found = append(found, Fault{field, "must not be empty or only white space"})
	}
	return CheckCharacters(found, field, value)
}

// CheckCharacters appends to found what is wrong with the characters of a text:
// broken UTF-8 and control characters, those of C1 included.
func CheckCharacters(found []Fault, field, value string) []Fault {
	if !utf8.ValidString(value) {
		found = append(found, Fault{field, "must be valid UTF-8"})
	}
	if strings.ContainsFunc(value, unicode.IsControl) {
		found = append(found, Fault{field, "must not contain control characters"})
	}
	return found
}

func checkTimestamp(found *faults, t time.Time) {
	switch {
	case !inRange(t):
		found.add(fieldTimestamp, "must lie in the years 0001 to 9999 (UTC)")
	case t.Location() != time.UTC || t.Nanosecond()%1000 != 0:
		found.add(fieldTimestamp, "must be in UTC and whole microseconds")
	}
}
