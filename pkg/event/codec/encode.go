package codec

import (
	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventagg/eventagg/pkg/event"
)

// Append appends e as the JSON object that [Decode] reads, without white space,
// and returns the extended buffer. Every valid event can be encoded.
func Append(dst []byte, e event.Event) []byte {
	dst = appendMember(append(dst, '{'), event.FieldTopic, e.Topic)
	dst = appendMember(append(dst, ','), event.FieldID, e.ID)
	dst = appendMember(append(dst, ','), event.FieldTimestamp, FormatTime(e.Timestamp))
	dst = appendMember(append(dst, ','), event.FieldSource, e.Source)
	dst = append(dst, `,"payload":`...)
	dst = append(dst, e.Payload...)
	return append(dst, '}')
}

func appendMember(dst []byte, name, value string) []byte {
	dst = append(dst, '"')
	dst = append(dst, name...)
	dst = append(dst, '"', ':')
	// AppendQuote fails on invalid UTF-8 only, which no valid event has; it
	// then writes replacement characters.
	dst, _ = jsontext.AppendQuote(dst, value)
	return dst
}
