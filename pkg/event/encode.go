package event

import (
	"github.com/go-json-experiment/json/jsontext"
)

// AppendJSON appends e as the JSON object that [Decode] reads, without white
// space, and returns the extended buffer. A valid event always encodes.
func (e Event) AppendJSON(dst []byte) []byte {
	dst = appendMember(append(dst, '{'), fieldTopic, e.Topic)
	dst = appendMember(append(dst, ','), fieldID, e.ID)
	dst = appendMember(append(dst, ','), fieldTimestamp, FormatTime(e.Timestamp))
	dst = appendMember(append(dst, ','), fieldSource, e.Source)
	dst = append(dst, `,"payload":`...)
	dst = append(dst, e.Payload...)
	return append(dst, '}')
}

// MarshalJSON makes an Event usable with any JSON encoder.
func (e Event) MarshalJSON() ([]byte, error) { return e.AppendJSON(nil), nil }

// UnmarshalJSON is [Decode] as any JSON decoder calls it.
func (e *Event) UnmarshalJSON(data []byte) error {
	decoded, err := Decode(data)
	if err == nil {
		*e = decoded
	}
	return err
}

func appendMember(dst []byte, name, value string) []byte {
	dst = append(dst, '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	// The error is about invalid UTF-8 only, which a valid event has not; the
	// text is then written with replacement characters.
	dst, _ = jsontext.AppendQuote(dst, value)
	return dst
}
