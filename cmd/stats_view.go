package cmd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"golang.org/x/term"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/store"
)

// sample is what a server said at one moment: totals, or a row per topic.
type sample struct {
	at     time.Time
	totals api.Stats
	topics []store.TopicStats
}

// beginsAnew reports whether counters that never fall have fallen: what answers
// now has another database, or an older state of it.
func (s sample) beginsAnew(before sample) bool {
	if s.totals.Received < before.totals.Received || s.totals.Unique < before.totals.Unique {
		return true
	}
	now := make(map[string]int64, len(s.topics))
	for _, topic := range s.topics {
		now[topic.Topic] = topic.Unique + topic.Duplicates
	}
	return slices.ContainsFunc(before.topics, func(topic store.TopicStats) bool {
		return now[topic.Topic] < topic.Unique+topic.Duplicates
	})
}

// watchedStats is what `stats --watch -o json` prints, one object a line.
type watchedStats struct {
	Time time.Time `json:"time"`
	api.Stats

	ReceivedPerSecond *float64 `json:"received_per_second,omitempty"`
	StoredPerSecond   *float64 `json:"stored_per_second,omitempty"`
}

// writeSample writes a sample by itself.
func (a *app) writeSample(s sample, opts statsOptions) error {
	switch {
	case opts.format.json() && opts.topics:
		return writeJSON(a.out, topicRows(s.topics))
	case opts.format.json():
		return writeJSON(a.out, s.totals)
	case opts.topics:
		t := topicsTable(s.topics, nil, 0, len(s.topics))
		t.width = terminalWidth(a.out)
		return t.write(a.out)
	default:
		t := totalsTable(s.totals)
		return t.write(a.out)
	}
}

func topicRows(topics []store.TopicStats) []api.TopicStats {
	rows := make([]api.TopicStats, len(topics))
	for i, t := range topics {
		rows[i] = api.TopicStats{
			Topic: t.Topic, Unique: t.Unique, Duplicates: t.Duplicates, FirstSeen: t.FirstSeen, LastSeen: t.LastSeen,
		}
	}
	return rows
}

// totalsTable shows the totals, one a line.
func totalsTable(totals api.Stats) table {
	t := table{right: []int{1}}
	t.add("received", formatCount(totals.Received))
	t.add("stored", formatCount(totals.Unique))
	t.add("duplicates", formatCount(totals.Duplicates), share(totals.Duplicates, totals.Received))
	t.add("topics", formatCount(totals.Topics))
	if totals.Queued != nil {
		t.add("queued", formatCount(*totals.Queued))
	}
	if totals.DeadLetters != nil && *totals.DeadLetters > 0 {
		t.add("dead letters", formatCount(*totals.DeadLetters), "see 'eventagg deadletter list'")
	}
	t.add("uptime", loadgen.FormatDuration(uptime(totals)))
	return t
}

func uptime(totals api.Stats) time.Duration {
	return time.Duration(totals.UptimeSeconds * float64(time.Second)).Round(time.Millisecond)
}

// share is a part of a whole: "30.0 %".
func share(part, whole int64) string {
	if whole <= 0 {
		return "-"
	}
	const hundred = 100
	return fmt.Sprintf("%.1f %%", float64(part)*hundred/float64(whole))
}

// perSecond is how fast a counter grew between two moments.
func perSecond(now, before int64, elapsed time.Duration) float64 {
	return float64(now-before) / elapsed.Seconds() // NaN or infinite in no time: shown as "-"
}

// topicsTable shows the busiest topics, as many as there is room for. Where
// earlier numbers are known it has their rates.
func topicsTable(now, before []store.TopicStats, elapsed time.Duration, room int) table {
	t := table{heading: []string{"TOPIC", "RECEIVED", "STORED", "DUPLICATES", "SHARE", "LAST SEEN"}, right: []int{1, 2, 3, 4}}
	known := make(map[string]store.TopicStats, len(before))
	for _, topic := range before {
		known[topic.Topic] = topic
	}
	if before != nil {
		t.heading, t.right = append(t.heading, "RATE"), append(t.right, 6)
	}
	for i, topic := range now {
		if i >= room {
			t.add(fmt.Sprintf("… and %s more", formatCount(int64(len(now)-i))))
			break
		}
		received := topic.Unique + topic.Duplicates
		seen := formatMoment(topic.LastSeen)
		if before != nil { // what is watched is of today, and a terminal 80 columns wide
			seen = topic.LastSeen.UTC().Format("15:04:05Z")
		}
		cells := []string{
			printable(topic.Topic), formatCount(received), formatCount(topic.Unique), formatCount(topic.Duplicates),
			share(topic.Duplicates, received), seen,
		}
		if before != nil {
			earlier := known[topic.Topic]
			cells = append(cells, formatRate(perSecond(received, earlier.Unique+earlier.Duplicates, elapsed)))
		}
		t.add(cells...)
	}
	return t
}

// formatMoment writes a time in UTC, to the millisecond.
func formatMoment(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05.000Z") }

// screen shows one sample after the other: in place on a terminal, otherwise
// below one another.
type screen struct {
	out      io.Writer
	terminal bool
	lines    int // what the last sample took
	trends   trends
	// size is the terminal's width and height, 0 where they are not known.
	size func() (width, height int)
}

func newScreen(out io.Writer) *screen {
	return &screen{out: out, terminal: isTerminal(out), trends: trends{}, size: func() (int, int) { return terminalSize(out) }}
}

// draws reports whether the screen shows the totals together with the topics and
// their trends.
func (s *screen) draws(opts statsOptions) bool { return s.terminal && !opts.format.json() }

// forget leaves what is shown where it is: something else was written below.
func (s *screen) forget() { s.lines = 0 }

// show writes a sample with the rates since the one before, if there is one.
func (s *screen) show(now, before sample, opts statsOptions) error {
	var text bytes.Buffer
	if before.at.IsZero() {
		s.trends = trends{}
	}
	s.trends.add(now, before)
	err := s.render(&text, now, before, opts)
	if err != nil {
		return err
	}
	if s.draws(opts) {
		if s.lines > 0 {
			// Up to the first line, and clear from there to the end.
			_, err = fmt.Fprintf(s.out, "\x1b[%dA\x1b[J", s.lines)
		}
		s.lines = bytes.Count(text.Bytes(), []byte("\n"))
	}
	if err != nil {
		return err
	}
	_, err = s.out.Write(text.Bytes())
	return err
}

func (s *screen) render(w io.Writer, now, before sample, opts statsOptions) error {
	first := before.at.IsZero()
	elapsed := now.at.Sub(before.at)
	switch {
	case opts.format.json() && opts.topics:
		return json.NewEncoder(w).Encode(topicRows(now.topics))
	case opts.format.json():
		line := watchedStats{Time: now.at.UTC(), Stats: now.totals}
		if !first && elapsed > 0 {
			received := perSecond(now.totals.Received, before.totals.Received, elapsed)
			stored := perSecond(now.totals.Unique, before.totals.Unique, elapsed)
			line.ReceivedPerSecond, line.StoredPerSecond = &received, &stored
		}
		return json.NewEncoder(w).Encode(line)
	case opts.topics:
		earlier := before.topics
		if !first && earlier == nil {
			earlier = []store.TopicStats{}
		}
		return s.renderTopics(w, topicsTable(now.topics, earlier, elapsed, s.room(len(now.topics), 0)), now, first)
	case s.terminal:
		return s.renderAll(w, now, before)
	default:
		_, err := fmt.Fprintf(w, "%s  received %s  stored %s  duplicates %s (%s)  %s\n",
			formatMoment(now.at), formatCount(now.totals.Received), formatCount(now.totals.Unique),
			formatCount(now.totals.Duplicates), share(now.totals.Duplicates, now.totals.Received),
			rate(now.totals.Received, before.totals.Received, elapsed, first))
		return err
	}
}

// renderAll draws the totals, and below them the topics.
func (s *screen) renderAll(w io.Writer, now, before sample) error {
	first, elapsed := before.at.IsZero(), now.at.Sub(before.at)
	t := totalsTable(now.totals)
	t.width, _ = s.size() // a line that the terminal breaks in two would not be taken back
	t.rows[0] = append(t.rows[0], rate(now.totals.Received, before.totals.Received, elapsed, first))
	t.rows[1] = append(t.rows[1], rate(now.totals.Unique, before.totals.Unique, elapsed, first))
	t.addTrends([]string{allTopics}, s.trends)
	if err := t.write(w); err != nil || len(now.topics) == 0 {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	return s.renderTopics(w, ratesTable(now, before, s.room(len(now.topics), len(t.rows)+1)), now, first)
}

// renderTopics draws a row per topic with its trend.
func (s *screen) renderTopics(w io.Writer, t table, now sample, first bool) error {
	t.width, _ = s.size()
	if !first {
		var names []string
		for i, row := range t.rows {
			if len(row) > 1 { // which the one that says how many more there are has not
				names = append(names, now.topics[i].Topic)
			}
		}
		t.addTrends(names, s.trends)
	}
	return t.write(w)
}

// rate is a counter's rate, or a dash where there is nothing to compare with.
func rate(now, before int64, elapsed time.Duration, first bool) string {
	if first {
		return "-"
	}
	return formatRate(perSecond(now, before, elapsed))
}

// room is how many rows fit below so many lines: a terminal can only go back up
// to its first line.
func (s *screen) room(rows, above int) int {
	_, height := s.size()
	if height == 0 {
		return rows
	}
	const taken = 3 // heading, "… and more", the cursor's own line
	return max(1, height-taken-above)
}

// terminalSize is how many columns and lines a terminal has, 0 where there is
// none.
func terminalSize(w io.Writer) (width, height int) {
	file, ok := w.(*os.File)
	if !ok || !isTerminal(w) {
		return 0, 0
	}
	width, height, err := term.GetSize(int(file.Fd()))
	if err != nil {
		return 0, 0
	}
	return width, height
}
