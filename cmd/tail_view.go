package cmd

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

// eventPrinter writes events, one a line.
type eventPrinter struct {
	out  io.Writer
	json bool
	// width is how long a line may be; 0 shortens nothing.
	width int
	// widths are those of topic, event_id and source so far. They only grow:
	// nobody knows what is still to come, and lines that were written stay.
	widths [3]int
	buffer bytes.Buffer
}

func newEventPrinter(out io.Writer, json bool, width int) *eventPrinter {
	return &eventPrinter{out: out, json: json, width: width}
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
		if p.json {
			p.buffer.Write(appendJSONLine(p.buffer.AvailableBuffer(), r))
			continue
		}
		p.buffer.WriteString(p.line(r))
		p.buffer.WriteByte('\n')
	}
	_, err := p.out.Write(p.buffer.Bytes())
	return err
}

// appendJSONLine appends an event as GET /events shows it, with a line end.
func appendJSONLine(dst []byte, r store.Record) []byte {
	dst = r.AppendJSON(dst)
	dst = append(dst[:len(dst)-1], `,"created_at":"`...)
	dst = append(dst, event.FormatTime(r.CreatedAt)...)
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
	line.WriteString(formatMoment(r.CreatedAt))
	for i, text := range p.names(r) {
		line.WriteString("  " + text + strings.Repeat(" ", p.widths[i]-uniseg.StringWidth(text)))
	}
	line.WriteString("  " + printable(r.Payload))
	if p.width > 0 {
		return shorten(line.String(), p.width)
	}
	return line.String()
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
