package terminal

import (
	"math"
	"strings"
)

const (
	// trendPoints is the number of rates kept for each topic.
	trendPoints = 60
	// minTrendColumns is the minimum width at which a trend is drawn.
	minTrendColumns = 8
	// trendNameColumns is the maximum width of names beside trends.
	trendNameColumns = 24
)

// allTopics is the name of the totals. Names of topics are never empty.
const allTopics = ""

// trends are the latest rates of each topic, oldest first.
type trends map[string][]float64

// add adds the rates between two samples.
func (t trends) add(now, before Sample) {
	elapsed := now.At.Sub(before.At)
	if before.At.IsZero() || elapsed <= 0 {
		return
	}
	t.append(allTopics, perSecond(now.Totals.Received, before.Totals.Received, elapsed))
	earlier := receivedBefore(before.Topics, now.Topics)
	for _, topic := range now.Topics {
		t.append(topic.Topic, perSecond(received(topic), earlier[topic.Topic], elapsed))
	}
}

func (t trends) append(name string, rate float64) {
	t[name] = append(t[name], rate)
	t[name] = t[name][max(0, len(t[name])-trendPoints):]
}

// ratesTable has the busiest topics with their rates, at most maxRows of them, in
// few columns: the trends need the room.
func ratesTable(now, before Sample, maxRows int) Table {
	t := Table{Heading: []string{"TOPIC", "RECEIVED", "DUPLICATES", "RATE"}, Right: []int{1, 2, 3}}
	earlier := receivedBefore(before.Topics, now.Topics)
	for i, topic := range now.Topics {
		if i >= maxRows {
			t.addMore(len(now.Topics) - i)
			break
		}
		t.Add(Printable(topic.Topic), Count(received(topic)), percent(topic.Duplicates, received(topic)),
			rateSince(received(topic), earlier[topic.Topic], now.At.Sub(before.At), before.At.IsZero()))
	}
	return t
}

// addTrends adds a column with the trend of each named row, as wide as there is
// room. If there is too little room it adds nothing.
func (t *Table) addTrends(names []string, of trends) {
	if t.Width == 0 {
		return
	}
	widths := t.widths()
	widths[0] = min(widths[0], trendNameColumns)
	room := min(t.Width-lineWidth(widths)-len(columnGap), trendPoints)
	if room < minTrendColumns {
		return
	}
	if len(t.Heading) > 0 {
		t.Heading = append(t.Heading, "TREND")
	}
	for i, name := range names {
		for len(t.rows[i]) < len(widths) {
			t.rows[i] = append(t.rows[i], "")
		}
		t.rows[i] = append(t.rows[i], sparkline(of[name], room))
	}
}

// sparkline draws the last rates as blocks, the latest at the right end. Heights
// are relative to the highest rate. Only a rate of 0 has the lowest block.
func sparkline(rates []float64, width int) string {
	levels := []rune("▁▂▃▄▅▆▇█")
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
