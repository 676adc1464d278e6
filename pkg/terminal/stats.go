package terminal

import (
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/store"
)

// Sample is what a server returned at one time: totals, topics or both.
type Sample struct {
	At     time.Time
	Totals api.Stats
	Topics []store.TopicStats
}

// ResetSince reports whether a counter is lower than before. Counters never fall,
// so the server has another database or an older state of it.
func (s Sample) ResetSince(before Sample) bool {
	if s.Totals.Received < before.Totals.Received || s.Totals.Stored < before.Totals.Stored {
		return true
	}
	now := receivedByTopic(s.Topics)
	return slices.ContainsFunc(before.Topics, func(topic store.TopicStats) bool {
		return now[topic.Topic] < received(topic)
	})
}

// Rates returns the events per second received and stored since before.
func (s Sample) Rates(before Sample) (received, stored float64) {
	elapsed := s.At.Sub(before.At)
	return perSecond(s.Totals.Received, before.Totals.Received, elapsed), perSecond(s.Totals.Stored, before.Totals.Stored, elapsed)
}

func received(topic store.TopicStats) int64 { return topic.Stored + topic.Duplicates }

func receivedByTopic(topics []store.TopicStats) map[string]int64 {
	byTopic := make(map[string]int64, len(topics))
	for _, topic := range topics {
		byTopic[topic.Topic] = received(topic)
	}
	return byTopic
}

// WriteTotals writes the totals, one a line.
func WriteTotals(w io.Writer, totals api.Stats) error {
	t := totalsTable(totals)
	return t.Write(w)
}

// WriteTopics writes a row for each topic.
func WriteTopics(w io.Writer, topics []store.TopicStats) error {
	t := topicsTable(topics, nil, 0, len(topics))
	t.Width = Width(w)
	return t.Write(w)
}

func totalsTable(totals api.Stats) Table {
	t := Table{Right: []int{1}}
	t.Add("received", Count(totals.Received))
	t.Add("stored", Count(totals.Stored))
	t.Add("duplicates", Count(totals.Duplicates), percent(totals.Duplicates, totals.Received))
	t.Add("topics", Count(totals.Topics))
	if totals.Queued != nil {
		t.Add("queued", Count(*totals.Queued))
	}
	if totals.DeadLetters != nil && *totals.DeadLetters > 0 {
		t.Add("dead letters", Count(*totals.DeadLetters), "see 'eventagg deadletter list'")
	}
	uptime := time.Duration(totals.UptimeSeconds * float64(time.Second)).Round(time.Millisecond)
	t.Add("uptime", loadgen.FormatDuration(uptime))
	return t
}

// perSecond returns the rate of a counter between two times. Without time between
// them it is NaN or infinite, which Rate formats as "-".
func perSecond(now, before int64, elapsed time.Duration) float64 {
	return float64(now-before) / elapsed.Seconds()
}

// topicsTable has the busiest topics, at most maxRows of them. If before is not
// nil it has their rates, too.
func topicsTable(now, before []store.TopicStats, elapsed time.Duration, maxRows int) Table {
	t := Table{Heading: []string{"TOPIC", "RECEIVED", "STORED", "DUPLICATES", "SHARE", "LAST SEEN"}, Right: []int{1, 2, 3, 4}}
	earlier := receivedByTopic(before)
	if before != nil {
		t.Heading, t.Right = append(t.Heading, "RATE"), append(t.Right, 6)
	}
	for i, topic := range now {
		if i >= maxRows {
			t.addMore(len(now) - i)
			break
		}
		seen := Time(topic.LastSeen)
		if before != nil { // the date is today's, and all must fit into 80 columns
			seen = topic.LastSeen.UTC().Format("15:04:05Z")
		}
		cells := []string{
			Printable(topic.Topic), Count(received(topic)), Count(topic.Stored), Count(topic.Duplicates),
			percent(topic.Duplicates, received(topic)), seen,
		}
		if before != nil {
			cells = append(cells, Rate(perSecond(received(topic), earlier[topic.Topic], elapsed)))
		}
		t.Add(cells...)
	}
	return t
}

// addMore adds the row that says how many rows are left out.
func (t *Table) addMore(rows int) { t.Add(fmt.Sprintf("… and %s more", Count(int64(rows)))) }
