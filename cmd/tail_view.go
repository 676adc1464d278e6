package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"strings"
	"text/template"
	"unicode"

	"github.com/rivo/uniseg"

	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/store"
)

// eventPrinter writes events, one a line.
type eventPrinter struct {
	out  io.Writer
	json bool
	// template writes an event, where it is not nil.
	template *template.Template
	// terminal says that out is one; colour, that it may be colourful.
	terminal, colour bool
	// width is how long a line may be; 0 shortens nothing.
	width int
	// widths are those of topic, event_id and source so far. They only grow:
	// nobody knows what is still to come, and lines that were written stay.
	widths [3]int
	buffer bytes.Buffer
}

func newEventPrinter(out io.Writer, asJSON bool, width int) *eventPrinter {
	return &eventPrinter{out: out, json: asJSON, width: width}
}

// print writes the records in one go, aligned with each other and with those
// before.
func (p *eventPrinter) print(records ...store.Record) error {
	p.buffer.Reset()
	for _, r := range records {
		for i, text := range p.names(r) {
			p.widths[i] = max(p.widths[i], uniseg.StringWidth(text))
		}
	}
	for _, r := range records {
		switch {
		case p.json:
			p.buffer.Write(appendJSONLine(p.buffer.AvailableBuffer(), r))
			continue
		case p.template != nil:
			if err := p.template.Execute(&p.buffer, newTemplateEvent(r, p.terminal)); err != nil {
				return err
			}
		default:
			p.buffer.WriteString(p.line(r))
		}
		p.buffer.WriteByte('\n')
	}
	_, err := p.out.Write(p.buffer.Bytes())
	return err
}

// appendJSONLine appends an event as GET /events shows it, with a line end. No
// payload that eventagg stores has a line break; one that another program wrote
// into the database may.
func appendJSONLine(dst []byte, r store.Record) []byte {
	if strings.ContainsAny(r.Payload, "\r\n") {
		var flat bytes.Buffer
		if json.Compact(&flat, []byte(r.Payload)) == nil {
			r.Payload = flat.String()
		}
	}
	dst = codec.Append(dst, r.Event)
	dst = append(dst[:len(dst)-1], `,"created_at":"`...)
	dst = append(dst, codec.FormatTime(r.CreatedAt)...)
	return append(dst, "\"}\n"...)
}

// maxColumn is how wide a column of names gets on a terminal: a UUID fits. One
// long topic would push all other lines, whose columns follow it, out of sight.
const maxColumn = 40

// names are the texts of an event's columns.
func (p *eventPrinter) names(r store.Record) [3]string {
	names := [3]string{printable(r.Topic), printable(r.ID), printable(r.Source)}
	if p.width > 0 {
		for i := range names {
			names[i] = shorten(names[i], maxColumn)
		}
	}
	return names
}

// line is an event for people: when it was stored, then what it is. Where the
// line is bounded it is cut, which the payload at its end feels first.
func (p *eventPrinter) line(r store.Record) string {
	var line strings.Builder
	begin, names := formatMoment(r.CreatedAt), p.names(r)
	line.WriteString(begin)
	for i, text := range names {
		line.WriteString(columnGap + text + strings.Repeat(" ", p.widths[i]-uniseg.StringWidth(text)))
	}
	line.WriteString(columnGap + printable(r.Payload))
	plain := line.String()
	if p.width > 0 {
		plain = shorten(plain, p.width)
	}
	if !p.colour {
		return plain
	}
	begin += columnGap
	rest, whole := strings.CutPrefix(plain, begin+names[0])
	if !whole { // the terminal is too narrow
		return plain
	}
	return begin + paint(names[0], r.Topic) + rest
}

// paint gives a text the colour of a topic, the same in every run. The colours
// can be read on a dark ground and on a light one.
func paint(text, topic string) string {
	colours := [...]int{33, 37, 64, 125, 136, 160, 166, 61, 28, 94, 133, 67}
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(topic)) // which can't fail
	return fmt.Sprintf("\x1b[38;5;%dm%s\x1b[39m", colours[hash.Sum32()%uint32(len(colours))], text)
}

// shorten cuts a text to a number of columns, with an ellipsis for the rest.
// What is one character to the reader is never cut in half.
func shorten(text string, columns int) string {
	if len(text) <= columns || uniseg.StringWidth(text) <= columns {
		return text
	}
	var kept strings.Builder
	room, state := columns-1, -1
	for text != "" {
		var cluster string
		var width int
		cluster, text, width, state = uniseg.FirstGraphemeClusterInString(text, state)
		if width > room {
			break
		}
		room -= width
		kept.WriteString(cluster)
	}
	return kept.String() + "…"
}

// printable writes out what a terminal would act on rather than show: control
// characters, which JSON lets through from U+007F on, and those that turn the
// direction of the text around them.
func printable(text string) string {
	if strings.IndexFunc(text, unsafeRune) < 0 {
		return text
	}
	var shown strings.Builder
	for _, r := range text {
		if unsafeRune(r) {
			_, _ = fmt.Fprintf(&shown, `\u%04x`, r)
			continue
		}
		shown.WriteRune(r)
	}
	return shown.String()
}

func unsafeRune(r rune) bool {
	return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == '\u2028' || r == '\u2029'
}
