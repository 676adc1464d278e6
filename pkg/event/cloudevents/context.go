package cloudevents

import (
	"fmt"
	"math"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

// specVersion is the only supported version. It stays the same for patches of
// the specification (spec.md, "specversion").
const specVersion = "1.0"

// What can be wrong with the attributes that the specification names. Each text
// follows the name.
const (
	msgVersion = `must be "` + specVersion + `"`
	msgTime    = "must be an RFC 3339 date and time such as 2018-04-05T17:31:00Z"
	msgSpace   = "must not contain white space"
	msgURI     = "must be an absolute URI (RFC 3986)"
	msgURIRef  = "must be a URI reference (RFC 3986)"
	msgNonChar = "must not contain code points that are noncharacters in Unicode"
	msgEmpty   = "must not be empty"
)

// identifying returns a required attribute that follows the rules of an event's
// texts.
func (d *Decoder) identifying(a attribute, maxBytes int) string {
	text, ok := d.required(a)
	if ok {
		d.found.CheckText(a.name(), text, maxBytes)
		d.checkNonCharacters(a.name(), text)
	}
	return text
}

// source returns the source. It must be a URI reference. Because it has no white
// space, the event_id is unambiguous.
func (d *Decoder) source() string {
	before := len(d.found)
	text := d.identifying(attrSource, event.MaxSourceBytes)
	if strings.TrimSpace(text) != "" && strings.ContainsFunc(text, unicode.IsSpace) {
		d.addError(attrSource.name(), msgSpace)
	}
	if _, err := url.Parse(text); err != nil && len(d.found) == before {
		d.addError(attrSource.name(), msgURIRef)
	}
	return text
}

// id returns the id. Together with the source it must fit into an event_id.
func (d *Decoder) id(source string) string {
	text := d.identifying(attrID, math.MaxInt)
	room := event.MaxIDBytes - len(" ") - min(len(source), event.MaxSourceBytes)
	if len(text) > room {
		d.addError(attrID.name(), fmt.Sprintf("must be at most %d bytes of UTF-8 with this source, has %d", room, len(text)))
	}
	return text
}

// time returns the time in UTC and whole microseconds. If the event has none, that is
// now, and assigned is set.
func (d *Decoder) time(now time.Time) (t time.Time, assigned bool) {
	text, ok := d.string(attrTime)
	if !ok {
		return now.UTC().Truncate(time.Microsecond), true
	}
	if !isRFC3339(text) {
		d.addError(attrTime.name(), msgTime)
		return time.Time{}, false
	}
	t, err := codec.ParseTime(strings.ToUpper(text))
	if err != nil {
		d.addError(attrTime.name(), err.Error())
	}
	return t, false
}

// isRFC3339 reports whether a text that [codec.ParseTime] accepts also has what
// RFC 3339 requires: seconds and an offset with a colon. The letters may be small
// and the T may be a space (section 5.6).
func isRFC3339(text string) bool {
	const shortest = len("2018-04-05T17:31:00Z")
	end := len(text)
	if end < shortest || text[len("2018-04-05T17:31")] != ':' || strings.Contains(text, ",") {
		return false
	}
	if text[end-1] == 'Z' || text[end-1] == 'z' {
		return true
	}
	sign := text[end-len("+07:00")]
	return (sign == '+' || sign == '-') && text[end-len(":00")] == ':'
}

func (d *Decoder) specVersion() {
	if text, ok := d.required(attrSpecVersion); ok && text != specVersion {
		d.addError(attrSpecVersion.name(), msgVersion)
	}
}

// schema adds the dataschema, an absolute URI. It may have a fragment because
// schemas use them, although RFC 3986 then calls it just a URI.
func (d *Decoder) schema() {
	text, ok := d.string(attrSchema)
	if !ok {
		return
	}
	before := len(d.found)
	d.checkCharacters(attrSchema.name(), text)
	if strings.ContainsFunc(text, unicode.IsSpace) {
		d.addError(attrSchema.name(), msgSpace)
	}
	if uri, err := url.Parse(text); (err != nil || uri.Scheme == "") && len(d.found) == before {
		d.addError(attrSchema.name(), msgURI)
	}
	d.add(attrSchema.name(), text)
}

func (d *Decoder) subject() {
	text, ok := d.string(attrSubject)
	if !ok {
		return
	}
	if text == "" {
		d.addError(attrSubject.name(), msgEmpty)
	}
	d.checkCharacters(attrSubject.name(), text)
	d.add(attrSubject.name(), text)
}

// checkCharacters applies the rules of the specification's type String (spec.md,
// "Type System").
func (d *Decoder) checkCharacters(name, text string) {
	if len(d.found) >= maxErrors {
		return
	}
	d.found.CheckCharacters(name, text)
	d.checkNonCharacters(name, text)
}

func (d *Decoder) checkNonCharacters(name, text string) {
	if strings.ContainsFunc(text, isNonCharacter) {
		d.addError(name, msgNonChar)
	}
}

// isNonCharacter reports whether Unicode guarantees that r never becomes a
// character: the last two code points of each plane, and 32 more.
func isNonCharacter(r rune) bool {
	return r&0xFFFE == 0xFFFE || 0xFDD0 <= r && r <= 0xFDEF
}
