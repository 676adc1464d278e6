package cmd

import (
	"fmt"
	"math"
	"strings"
)

const (
	// trendPoints is how many rates are kept of each topic.
	trendPoints = 60
	// minTrend is the fewest columns that a trend is worth.
	minTrend = 8
	// trendNames is how wide a column of names may be before it takes room from
	// the trend.
	trendNames = 24
)

// allTopics is the name of the totals among those of topics, which are never
// empty.
const allTopics = ""

// trends are the latest rates of each topic, oldest first.
type trends map[string][]float64

// add takes the rates between two samples.
func (t trends) add(now, before sample) {
	elapsed := now.at.Sub(before.at)
	if before.at.IsZero() || elapsed <= 0 {
		return
	}
	t.append(allTopics, perSecond(now.totals.Received, before.totals.Received, elapsed))
	known := make(map[string]int64, len(before.topics))
	for _, topic := range before.topics {
		known[topic.Topic] = topic.Unique + topic.Duplicates
	}
	for _, topic := range now.topics {
		t.append(topic.Topic, perSecond(topic.Unique+topic.Duplicates, known[topic.Topic], elapsed))
	}
}

func (t trends) append(name string, rate float64) {
	t[name] = append(t[name], rate)
	t[name] = t[name][max(0, len(t[name])-trendPoints):]
}

// ratesTable shows the busiest topics with their rates, as many as there is room
// for, in few columns: the trend is to have its place.
func ratesTable(now, before sample, room int) table {
	t := table{heading: []string{"TOPIC", "RECEIVED", "DUPLICATES", "RATE"}, right: []int{1, 2, 3}}
	known := make(map[string]int64, len(before.topics))
	for _, topic := range before.topics {
		known[topic.Topic] = topic.Unique + topic.Duplicates
	}
	for i, topic := range now.topics {
		if i >= room {
			t.add(fmt.Sprintf("… and %s more", formatCount(int64(len(now.topics)-i))))
			break
		}
		received := topic.Unique + topic.Duplicates
		t.add(printable(topic.Topic), formatCount(received), share(topic.Duplicates, received),
			rate(received, known[topic.Topic], now.at.Sub(before.at), before.at.IsZero()))
	}
	return t
}

// addTrends adds a column with the trend of each row that has a name, as wide as
// the terminal leaves room for, or none.
func (t *table) addTrends(names []string, of trends) {
	if t.width == 0 {
		return
	}
	widths := t.widths()
	widths[0] = min(widths[0], trendNames)
	room := min(t.width-total(widths)-len(columnGap), trendPoints)
	if room < minTrend {
		return
	}
	if len(t.heading) > 0 {
		t.heading = append(t.heading, "TREND")
	}
	for i, name := range names {
		for len(t.rows[i]) < len(widths) {
			t.rows[i] = append(t.rows[i], "")
		}
		t.rows[i] = append(t.rows[i], sparkline(of[name], room))
	}
}

// sparkline draws the last so many rates, the latest at the right end, each as a
// block as high as it is among them. Above the lowest block there was something.
func sparkline(rates []float64, width int) string {
	const blocks = "▁▂▃▄▅▆▇█"
	levels := []rune(blocks)
	rates = rates[max(0, len(rates)-width):]
	highest := 0.0
	for _, rate := range rates {
		highest = math.Max(highest, rate)
	}
	var line strings.Builder
	line.WriteString(strings.Repeat(" ", width-len(rates)))
	for _, rate := range rates {
		level := 0
		if rate > 0 {
			level = int(math.Ceil(rate / highest * float64(len(levels)-1)))
		}
		line.WriteRune(levels[level])
	}
	return line.String()
}
