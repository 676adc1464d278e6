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

// MaxTopics is the number of the busiest topics that a terminal needs. It is more
// than the lines of any terminal.
const MaxTopics = 300

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
	if len(s.Topics) < len(before.Topics) {
		return true
	}
	now := receivedByTopic(s.Topics)
	return slices.ContainsFunc(before.Topics, func(topic store.TopicStats) bool {
		count, found := now[topic.Topic]
		return found && count < received(topic) // others may be among the busiest now
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

// receivedBefore returns the earlier numbers of topics. If a topic was not among
// the [MaxTopics] busiest before, its number is not known. It is taken as
// unchanged, because a rate of everything that it ever received would be wrong.
func receivedBefore(before, now []store.TopicStats) map[string]int64 {
	earlier := receivedByTopic(before)
	if len(before) < MaxTopics {
		return earlier
	}
	for _, topic := range now {
		if _, found := earlier[topic.Topic]; !found {
			earlier[topic.Topic] = received(topic)
		}
	}
	return earlier
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
	if dropped := totals.Stored - totals.Kept; dropped > 0 {
		t.Add("dropped", Count(dropped), "stored events whose data retention has dropped")
	}
	t.Add("duplicates", Count(totals.Duplicates), percent(totals.Duplicates, totals.Received))
	if totals.Conflicts > 0 {
		t.Add("conflicts", Count(totals.Conflicts), "duplicates whose content differs")
	}
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
	earlier := receivedBefore(before, now)
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
