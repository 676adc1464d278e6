package codec

import (
	"bytes"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventagg/eventagg/pkg/event"
)

// strict decodes events in any form and finds every field error.
func (d *Decoder) strict(data []byte) (event.Event, error) {
	var found event.FieldErrors
	raw, err := d.split(&found, data)
	if err != nil {
		found.Add(event.FieldBody, err.Error())
		return event.Event{}, found.Err()
	}
	d.text = d.text[:0]
	d.misnamed = raw.misnamed
	topic := d.unquote(&found, event.FieldTopic, raw.topic)
	id := d.unquote(&found, event.FieldID, raw.id)
	var timestamp span
	if raw.timestamp != nil || d.defaults.Timestamp.IsZero() {
		timestamp = d.unquote(&found, event.FieldTimestamp, raw.timestamp)
	}
	source := d.unquote(&found, event.FieldSource, raw.source)
	payload := d.compact(&found, raw.payload)

	// One string holds all texts of the event: one allocation instead of four.
	texts := string(d.text)
	e := event.Event{Timestamp: d.defaults.Timestamp.UTC().Truncate(time.Microsecond), TimeAssigned: !timestamp.present}
	e.Topic = topic.check(&found, event.FieldTopic, texts, event.MaxTopicBytes)
	e.ID = id.check(&found, event.FieldID, texts, event.MaxIDBytes)
	if timestamp.present {
		if e.Timestamp, err = parseTime(d.text[timestamp.from:timestamp.to]); err != nil {
			found.Add(event.FieldTimestamp, err.Error())
		}
	}
	e.Source = source.check(&found, event.FieldSource, texts, event.MaxSourceBytes)
	e.Payload = payload.of(texts)
	if len(found) > 0 {
		return event.Event{}, found.Err()
	}
	return e, nil
}

// check returns the text, after it was checked if it is present.
func (s span) check(found *event.FieldErrors, field, texts string, maxBytes int) string {
	text := s.of(texts)
	if s.present {
		found.CheckText(field, text, maxBytes)
	}
	return text
}

// unquote appends the text of a JSON string to d.text.
func (d *Decoder) unquote(found *event.FieldErrors, field string, raw jsontext.Value) span {
	if text := d.defaults.of(field); raw == nil && text != "" {
		from := len(d.text)
		d.text = append(d.text, text...)
		return span{from: from, to: len(d.text), present: true}
	}
	switch {
	case !d.isPresent(found, field, raw):
		return span{}
	case raw.Kind() == '0' && field == event.FieldTimestamp:
		found.Add(field, errTimeUnix.Error())
		return span{}
	case raw.Kind() != '"':
		found.Add(field, "must be a string")
		return span{}
	}
	from := len(d.text)
	text, err := jsontext.AppendUnquote(d.text, raw)
	if err != nil {
		found.Add(field, "must be valid UTF-8 without lone surrogates")
		return span{}
	}
	d.text = text
	return span{from: from, to: len(text), present: true}
}

// compact appends the text of a payload to d.text.
func (d *Decoder) compact(found *event.FieldErrors, raw jsontext.Value) span {
	if !d.isPresent(found, event.FieldPayload, raw) {
		return span{}
	}
	from := len(d.text)
	text, err := d.payload.AppendObject(d.text, raw)
	if err != nil {
		found.Add(event.FieldPayload, err.Error())
		return span{}
	}
	d.text = text
	return span{from: from, to: len(text), present: true}
}

// isPresent reports whether a member is there and not null, and adds an error
// if not.
func (d *Decoder) isPresent(found *event.FieldErrors, field string, raw jsontext.Value) bool {
	switch {
	case raw == nil:
		message := "is required"
		if name := d.misnamed[field]; name != "" {
			message += "; the event has " + name + ": did you mean " + field + "?"
		}
		found.Add(field, message)
		return false
	case raw.Kind() == 'n':
		found.Add(field, "must not be null")
		return false
	}
	return true
}

// members are the raw values of an event's five members; nil means absent.
type members struct {
	topic, id, timestamp, source, payload jsontext.Value
	// misnamed has the names of unknown members that differ from a field's name
	// only in case, hyphens and underscores, by that field's name.
	misnamed map[string]string
}

// misspelt records an unknown member if its name looks like one of a field. It is
// called for every unknown member, so it allocates nothing for a name that looks like none.
func (m *members) misspelt(name jsontext.Value) {
	const maxName = 64 // bytes; longer names look like none
	if len(name) > maxName {
		return
	}
	plain := []byte(name[1 : len(name)-1])
	if bytes.IndexByte(plain, '\\') >= 0 {
		var err error
		if plain, err = jsontext.AppendUnquote(nil, name); err != nil {
			return
		}
	}
	for _, field := range [...]string{event.FieldTopic, event.FieldID, event.FieldTimestamp, event.FieldSource, event.FieldPayload} {
		if resembles(plain, field) {
			if m.misnamed == nil {
				m.misnamed = map[string]string{}
			}
			m.misnamed[field] = string(bytes.ToValidUTF8(plain, []byte("\uFFFD")))
		}
	}
}

// resembles reports whether a name differs from a field's name only in case and
// separators. Field names are in lower case, with underscores as separators.
func resembles(name []byte, field string) bool {
	at := 0
	for _, c := range name {
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if isSeparator(c) {
			continue
		}
		for at < len(field) && isSeparator(field[at]) {
			at++
		}
		if at == len(field) || field[at] != c {
			return false
		}
		at++
	}
	return at == len(field)
}

func isSeparator(c byte) bool { return c == '_' || c == '-' || c == '.' || c == ' ' }

// slot returns the field for the member with this name, or nil if the name is
// unknown. The name is a JSON string, and rarely contains escapes.
func (m *members) slot(name jsontext.Value) (*jsontext.Value, string) {
	if bytes.IndexByte(name, '\\') >= 0 {
		if plain, err := jsontext.AppendUnquote(nil, name); err == nil {
			name = append(append([]byte{'"'}, plain...), '"')
		}
	}
	switch string(name) {
	case `"` + event.FieldTopic + `"`:
		return &m.topic, event.FieldTopic
	case `"` + event.FieldID + `"`:
		return &m.id, event.FieldID
	case `"` + event.FieldTimestamp + `"`:
		return &m.timestamp, event.FieldTimestamp
	case `"` + event.FieldSource + `"`:
		return &m.source, event.FieldSource
	case `"` + event.FieldPayload + `"`:
		return &m.payload, event.FieldPayload
	default:
		return nil, ""
	}
}

// split finds the members of an event, as parts of data. A member that occurs
// twice is an error; its first value is used to look for further errors.
func (d *Decoder) split(found *event.FieldErrors, data []byte) (members, error) {
	var m members
	err := d.Members(data, func(name, value jsontext.Value) {
		slot, field := m.slot(name)
		switch {
		case slot == nil:
			m.misspelt(name)
		case *slot != nil:
			found.AddOnce(field, "must not be there twice")
		default:
			*slot = value
		}
	})
	return m, err
}
