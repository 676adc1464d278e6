package terminal

import (
	"bytes"
	"io"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/eventagg/eventagg/pkg/store"
)

// EventWriter writes events, one a line: in aligned columns, or by a template.
type EventWriter struct {
	out      io.Writer
	template *Template // nil for columns
	terminal bool      // escape control characters of a template's fields
	colour   bool
	width    int // maximum length of a line; 0 means no limit
	// widths are the widths of topic, event_id and source so far. They only grow:
	// later events are not known yet, and lines that were written stay.
	widths [3]int
	buffer bytes.Buffer
}

// NewEventWriter returns an EventWriter for out. If the template is nil, events
// are written in columns; on a terminal these are coloured and cut to its width.
func NewEventWriter(out io.Writer, template *Template) *EventWriter {
	return &EventWriter{out: out, template: template, terminal: isTTY(out), colour: HasColour(out), width: Width(out)}
}

// Write writes records with one call of the underlying Write.
func (w *EventWriter) Write(records ...store.Record) error {
	w.buffer.Reset()
	for _, r := range records {
		for i, text := range w.names(r) {
			w.widths[i] = max(w.widths[i], uniseg.StringWidth(text))
		}
	}
	for _, r := range records {
		if w.template != nil {
			if err := w.template.execute(&w.buffer, r, w.terminal); err != nil {
				return err
			}
		} else {
			w.buffer.WriteString(w.line(r))
		}
		w.buffer.WriteByte('\n')
	}
	_, err := w.out.Write(w.buffer.Bytes())
	return err
}

// maxNameColumns is the maximum width of a column of names on a terminal. A UUID
// fits. One long topic must not push the columns after it off the screen.
const maxNameColumns = 40

// names returns the texts of the columns topic, event_id and source.
func (w *EventWriter) names(r store.Record) [3]string {
	names := [3]string{Printable(r.Topic), Printable(r.ID), Printable(r.Source)}
	if w.width > 0 {
		for i := range names {
			names[i] = shorten(names[i], maxNameColumns)
		}
	}
	return names
}

// line returns an event in columns: when it was stored, its names and its payload.
// The payload is last because a line that is too long is cut at its end.
func (w *EventWriter) line(r store.Record) string {
	var line strings.Builder
	created, names := Time(r.CreatedAt), w.names(r)
	line.WriteString(created)
	for i, text := range names {
		line.WriteString(columnGap + text + strings.Repeat(" ", w.widths[i]-uniseg.StringWidth(text)))
	}
	line.WriteString(columnGap + Printable(r.Payload))
	plain := line.String()
	if w.width > 0 {
		plain = shorten(plain, w.width)
	}
	if !w.colour {
		return plain
	}
	beforeTopic := created + columnGap
	rest, complete := strings.CutPrefix(plain, beforeTopic+names[0])
	if !complete { // the topic was cut
		return plain
	}
	return beforeTopic + paint(names[0], r.Topic) + rest
}
