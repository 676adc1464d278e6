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

// specVersion is the one version that is read. It stays the same for patches of
// the specification (spec.md, "specversion").
const specVersion = "1.0"

// Faults of the attributes that the specification names, worded to follow the
// name.
const (
	faultVersion = `must be "` + specVersion + `"`
	faultTime    = "must be an RFC 3339 date and time such as 2018-04-05T17:31:00Z"
	faultSpace   = "must not contain white space"
	faultURI     = "must be an absolute URI (RFC 3986)"
	faultURIRef  = "must be a URI reference (RFC 3986)"
	faultNonChar = "must not contain code points that are noncharacters in Unicode"
	faultEmpty   = "must not be empty"
)

// identifying returns an attribute that must be there and obey the rules of an
// event's texts.
func (d *Decoder) identifying(p place, maxBytes int) string {
	text, ok := d.required(p)
	if ok {
		d.found.CheckText(p.name(), text, maxBytes)
		d.checkNonCharacters(p.name(), text)
	}
	return text
}

// source returns the source. It must be a URI reference; that it has no white
// space makes the event_id unambiguous.
func (d *Decoder) source() string {
	before := len(d.found)
	text := d.identifying(placeSource, event.MaxSourceBytes)
	if strings.TrimSpace(text) != "" && strings.ContainsFunc(text, unicode.IsSpace) {
		d.fault(placeSource.name(), faultSpace)
	}
	if _, err := url.Parse(text); err != nil && len(d.found) == before {
		d.fault(placeSource.name(), faultURIRef)
	}
	return text
}

// id returns the id, which has to leave room for the source.
func (d *Decoder) id(source string) string {
	text := d.identifying(placeID, math.MaxInt)
	room := event.MaxIDBytes - len(" ") - min(len(source), event.MaxSourceBytes)
	if len(text) > room {
		d.fault(placeID.name(), fmt.Sprintf("must be at most %d bytes of UTF-8 beside this source, has %d", room, len(text)))
	}
	return text
}

// time returns the time in UTC and whole microseconds, or now.
func (d *Decoder) time(now time.Time) time.Time {
	text, ok := d.string(placeTime)
	if !ok {
		return now.UTC().Truncate(time.Microsecond)
	}
	if !isRFC3339(text) {
		d.fault(placeTime.name(), faultTime)
		return time.Time{}
	}
	t, err := codec.ParseTime(strings.ToUpper(text))
	if err != nil {
		d.fault(placeTime.name(), err.Error())
	}
	return t
}

// isRFC3339 reports whether a text that [codec.ParseTime] reads has what RFC
// 3339 asks for beyond that: seconds and an offset with a colon. The letters
// may be small and the T a space (section 5.6).
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
	if text, ok := d.required(placeSpecVersion); ok && text != specVersion {
		d.fault(placeSpecVersion.name(), faultVersion)
	}
}

// schema adds the dataschema, an absolute URI. It may have a fragment, though
// RFC 3986 has another name for it then: schemas do.
func (d *Decoder) schema() {
	text, ok := d.string(placeSchema)
	if !ok {
		return
	}
	before := len(d.found)
	d.checkCharacters(placeSchema.name(), text)
	if strings.ContainsFunc(text, unicode.IsSpace) {
		d.fault(placeSchema.name(), faultSpace)
	}
	if uri, err := url.Parse(text); (err != nil || uri.Scheme == "") && len(d.found) == before {
		d.fault(placeSchema.name(), faultURI)
	}
	d.add(placeSchema.name(), text)
}

func (d *Decoder) subject() {
	text, ok := d.string(placeSubject)
	if !ok {
		return
	}
	if text == "" {
		d.fault(placeSubject.name(), faultEmpty)
	}
	d.checkCharacters(placeSubject.name(), text)
	d.add(placeSubject.name(), text)
}

// checkCharacters applies the rules of the specification's type String (spec.md,
// "Type System").
func (d *Decoder) checkCharacters(name, text string) {
	if len(d.found) >= maxFaults {
		return
	}
	d.found.CheckCharacters(name, text)
	d.checkNonCharacters(name, text)
}

func (d *Decoder) checkNonCharacters(name, text string) {
	if strings.ContainsFunc(text, isNonCharacter) {
		d.fault(name, faultNonChar)
	}
}

// isNonCharacter reports whether Unicode promises never to make a character of
// r: the last two code points of each plane, and 32 more.
func isNonCharacter(r rune) bool {
	return r&0xFFFE == 0xFFFE || 0xFDD0 <= r && r <= 0xFDEF
}
