package terminal

import (
	"bytes"
	"fmt"
	"io"
	"time"

	"github.com/eventagg/eventagg/pkg/store"
)

// Screen shows one sample after the other: in place on a terminal, otherwise one
// below the other.
type Screen struct {
	out      io.Writer
	topics   bool // only topics
	terminal bool
	lines    int // of the last sample
	trends   trends
	size     func() (width, height int) // 0 if not known
}

// NewScreen returns a Screen for out. With topics it shows a row per topic;
// otherwise the totals, and on a terminal the topics below them.
func NewScreen(out io.Writer, topics bool) *Screen {
	return &Screen{out: out, topics: topics, terminal: IsTerminal(out), trends: trends{}, size: func() (int, int) { return size(out) }}
}

// Redraws reports whether the screen is a terminal, where samples replace each
// other.
func (s *Screen) Redraws() bool { return s.terminal }

// KeepLast makes the next sample appear below the last one instead of in its
// place. Call it after something else was written to the terminal.
func (s *Screen) KeepLast() { s.lines = 0 }

// End puts the cursor on a line of its own after Ctrl-C, which terminals show as ^C.
func (s *Screen) End() {
	if s.terminal {
		_, _ = fmt.Fprintln(s.out)
	}
}

// Show writes a sample with the rates since before. If before is the zero Sample
// there are no rates, and trends start again.
func (s *Screen) Show(now, before Sample) error {
	if before.At.IsZero() {
		s.trends = trends{}
	}
	s.trends.add(now, before)
	var text bytes.Buffer
	if err := s.render(&text, now, before); err != nil {
		return err
	}
	if s.terminal {
		if s.lines > 0 { // move to the first line, clear from there to the end
			if _, err := fmt.Fprintf(s.out, "\x1b[%dA\x1b[J", s.lines); err != nil {
				return err
			}
		}
		s.lines = bytes.Count(text.Bytes(), []byte("\n"))
	}
	_, err := s.out.Write(text.Bytes())
	return err
}

func (s *Screen) render(w io.Writer, now, before Sample) error {
	first, elapsed := before.At.IsZero(), now.At.Sub(before.At)
	switch {
	case s.topics:
		earlier := before.Topics
		if !first && earlier == nil {
			earlier = []store.TopicStats{}
		}
		return s.renderTopics(w, topicsTable(now.Topics, earlier, elapsed, s.maxRows(len(now.Topics), 0)), now, first)
	case s.terminal:
		return s.renderAll(w, now, before)
	default:
		_, err := fmt.Fprintf(w, "%s  received %s  stored %s  duplicates %s (%s)  %s\n",
			Time(now.At), Count(now.Totals.Received), Count(now.Totals.Stored),
			Count(now.Totals.Duplicates), percent(now.Totals.Duplicates, now.Totals.Received),
			rateSince(now.Totals.Received, before.Totals.Received, elapsed, first))
		return err
	}
}

// renderAll draws the totals, and the topics below them.
func (s *Screen) renderAll(w io.Writer, now, before Sample) error {
	first, elapsed := before.At.IsZero(), now.At.Sub(before.At)
	t := totalsTable(now.Totals)
	t.Width, _ = s.size() // a line that the terminal wraps could not be overwritten
	t.rows[0] = append(t.rows[0], rateSince(now.Totals.Received, before.Totals.Received, elapsed, first))
	t.rows[1] = append(t.rows[1], rateSince(now.Totals.Stored, before.Totals.Stored, elapsed, first))
	t.addTrends([]string{allTopics}, s.trends)
	if err := t.Write(w); err != nil || len(now.Topics) == 0 {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return s.renderTopics(w, ratesTable(now, before, s.maxRows(len(now.Topics), len(t.rows)+1)), now, first)
}

// renderTopics draws a row per topic with its trend.
func (s *Screen) renderTopics(w io.Writer, t Table, now Sample, first bool) error {
	t.Width, _ = s.size()
	if !first {
		var names []string
		for i, row := range t.rows {
			if len(row) > 1 { // not the row "… and 7 more"
				names = append(names, now.Topics[i].Topic)
			}
		}
		t.addTrends(names, s.trends)
	}
	return t.Write(w)
}

// rateSince formats the rate of a counter, or a dash if there is no earlier value.
func rateSince(now, before int64, elapsed time.Duration, first bool) string {
	if first {
		return "-"
	}
	return Rate(perSecond(now, before, elapsed))
}

// maxRows returns how many of the rows fit below so many other lines. Lines that
// have scrolled off a terminal can't be overwritten.
func (s *Screen) maxRows(rows, above int) int {
	_, height := s.size()
	if height == 0 {
		return rows
	}
	const reserved = 3 // heading, "… and more", the cursor's own line
	return max(1, height-reserved-above)
}
