package event

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// ErrNoBatch says that a text is no batch: neither an array, nor an object
// whose only member is "events" with an array. It may be a single event.
var ErrNoBatch = errors.New("is no batch")

// ErrManyEvents says that a batch has more events than are allowed.
var ErrManyEvents = errors.New("has too many events")

// Batch says what a batch may have, and who takes it.
type Batch struct {
	// MaxEvents and MaxEventBytes bound the batch and each text in it.
	MaxEvents     int
	MaxEventBytes int
	// Decode reads one event of the batch; nil is [Decoder.Decode]. Other
	// formats that come as JSON arrays have their own.
	Decode func(text []byte) (Event, error)
	// Each is given every event in the order of the text, or the
	// [*InvalidError] of one that is none.
	Each func(Event, error)
}

// DecodeBatch reads a JSON array of events, or an object around one. An event
// that is invalid does not end it, as long as the array itself is sound; the
// error is then nil. It is [ErrNoBatch], [ErrManyEvents] or an [*InvalidError]
// about the body, and what was given to Each before does not count.
func (d *Decoder) DecodeBatch(data []byte, b Batch) error {
	from, wrapped, err := d.open(data)
	if err != nil {
		return err
	}
	defer d.shrink()
	s := batchScan{decoder: d, data: data, at: from, batch: b}
	if err := s.elements(); err != nil {
		return err
	}
	if wrapped {
		s.space()
		if s.next() == ',' {
			return ErrNoBatch // more members: an event that has one of that name
		}
		if !s.take('}') {
			return s.malformed("a member after the array must follow a comma")
		}
	}
	s.space()
	if s.at < len(data) {
		return &InvalidError{Faults: []Fault{{Field: fieldBody, Message: "must end after the batch"}}}
	}
	return nil
}

// open finds where the array of a batch begins and returns the place behind its
// bracket.
func (d *Decoder) open(data []byte) (from int, wrapped bool, err error) {
	s := batchScan{data: data}
	s.space()
	if s.take('[') {
		return s.at, false, nil
	}
	if !s.take('{') {
		return 0, false, ErrNoBatch
	}
	s.space()
	d.restart(data[s.at:])
	name, err := d.members.ReadValue()
	if err != nil || name.Kind() != '"' {
		return 0, false, ErrNoBatch
	}
	if text, err := jsontext.AppendUnquote(nil, name); err != nil || string(text) != "events" {
		return 0, false, ErrNoBatch
	}
	s.at += len(name)
	s.space()
	if !s.take(':') {
		return 0, false, ErrNoBatch
	}
	s.space()
	if !s.take('[') {
		return 0, false, ErrNoBatch
	}
	return s.at, true, nil
}

// batchScan walks through a batch.
type batchScan struct {
	decoder *Decoder
	data    []byte
	at      int
	batch   Batch
}

// elements reads up to and including the bracket that closes the array.
func (s *batchScan) elements() error {
	s.space()
	if s.take(']') {
		return nil
	}
	for count := 0; ; count++ {
		if count == s.batch.MaxEvents {
			return fmt.Errorf("%w: at most %d are taken", ErrManyEvents, s.batch.MaxEvents)
		}
		s.space()
		if err := s.element(); err != nil {
			return err
		}
		s.space()
		if s.take(']') {
			return nil
		}
		if !s.take(',') {
			return s.malformed("an event must be followed by a comma or the end of the array")
		}
	}
}

// element hands on one event. The common ones are read in one pass, the others
// are cut out first.
func (s *batchScan) element() error {
	rest := s.data[s.at:]
	if s.batch.Decode == nil {
		if e, end, ok := s.decoder.quick.event(rest); ok && end <= s.batch.MaxEventBytes {
			s.at += end
			s.batch.Each(e, nil)
			return nil
		}
	}
	s.decoder.restart(rest)
	raw, err := s.decoder.members.ReadValue()
	if err != nil {
		return s.unread(rest, err)
	}
	text := rest[:len(raw)]
	s.at += len(text)
	if len(text) > s.batch.MaxEventBytes {
		s.batch.Each(Event{}, LongEvent(s.batch.MaxEventBytes))
		return nil
	}
	decode := s.batch.Decode
	if decode == nil {
		decode = s.decoder.careful
	}
	s.batch.Each(decode(text))
	return nil
}

// maxParserDepth is how deep package jsontext reads.
const maxParserDepth = 10_000

// unread deals with an element that the parser did not get through. One that is
// only nested too deep for it is an event's fault, and not the batch's.
func (s *batchScan) unread(rest []byte, err error) error {
	end, depth := extent(rest)
	if end == 0 || depth <= maxParserDepth {
		return s.broken(err)
	}
	s.at += end
	s.batch.Each(Event{}, &InvalidError{Faults: []Fault{{Field: fieldPayload, Message: errDepth.Error()}}})
	return nil
}

// extent finds where a value that is an object or array ends, by its brackets
// alone, and how deep it is. It answers 0 where it has no end.
func extent(text []byte) (end, depth int) {
	level, quoted := 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			level++
			depth = max(depth, level)
		case c == '}' || c == ']':
			level--
			if level <= 0 {
				return i + 1, depth
			}
		}
	}
	return 0, depth
}

// broken says what is wrong with the text itself, by its place in the batch.
func (s *batchScan) broken(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) && syntax.Err != nil {
		at := strconv.Itoa(s.at + int(syntax.ByteOffset))
		return &InvalidError{Faults: []Fault{{Field: fieldBody, Message: "is not valid JSON: " + syntax.Err.Error() + " at byte " + at}}}
	}
	return &InvalidError{Faults: []Fault{{Field: fieldBody, Message: badJSON(err).Error()}}}
}

func (s *batchScan) malformed(what string) error {
	if s.at >= len(s.data) {
		what = "it ends too early"
	} else {
		what += " at byte " + strconv.Itoa(s.at)
	}
	return &InvalidError{Faults: []Fault{{Field: fieldBody, Message: "is not valid JSON: " + what}}}
}

// LongEvent is the fault of an event whose text has more than limit bytes.
func LongEvent(limit int) error {
	return &InvalidError{Faults: []Fault{{Field: fieldBody, Message: fmt.Sprintf("must be at most %d bytes long", limit)}}}
}

func (s *batchScan) space() {
	for isSpace(s.next()) {
		s.at++
	}
}

// next is the byte that comes, or 0 at the end.
func (s *batchScan) next() byte {
	if s.at < len(s.data) {
		return s.data[s.at]
	}
	return 0
}

func (s *batchScan) take(c byte) bool {
	if s.next() != c {
		return false
	}
	s.at++
	return true
}
