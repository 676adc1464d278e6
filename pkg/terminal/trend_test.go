package terminal

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestSparkline_ComparesRates(t *testing.T) {
	t.Parallel()
	for want, rates := range map[string][]float64{
		"        ": nil,
		"     ▁▁▁": {0, 0, 0},
		"  ▁▂▃▅▇█": {0, 1, 25, 50, 85, 100},
		"▁▂▃▄▆▆▇█": {1e9, 0, 1, 20, 40, 60, 70, 80, 100}, // the first is too old
		"      ▁█": {-5, 3},
	} {
		if got := sparkline(rates, 8); got != want {
			t.Errorf("%v is drawn as %q, expected %q", rates, got, want)
		}
	}
}

// watched returns a sample in which each topic has n events.
func watched(second int64, topics int, n int64) Sample {
	s := Sample{At: time.Unix(1000+second, 0), Totals: api.Stats{Received: int64(topics) * n}}
	for i := range topics {
		s.Topics = append(s.Topics, store.TopicStats{Topic: fmt.Sprintf("topic number %d", i), Stored: n})
	}
	return s
}

// The test draws on terminals of all sizes.
func TestScreen_FitsTerminal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		width, height := rapid.IntRange(10, 200).Draw(t, "width"), rapid.IntRange(12, 60).Draw(t, "height")
		topics := rapid.IntRange(0, 80).Draw(t, "topics")
		var out bytes.Buffer
		s := &Screen{out: &out, topics: rapid.Bool().Draw(t, "only topics"), terminal: true, trends: trends{}, size: func() (int, int) { return width, height }}
		before := Sample{}
		for second := range int64(3) {
			now := watched(second, topics, second*second*100)
			out.Reset()
			if err := s.Show(now, before); err != nil {
				t.Fatal(err)
			}
			before = now
		}
		_, text, _ := strings.Cut(out.String(), "\x1b[J")
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if len(lines) >= height {
			t.Errorf("%d lines on %d", len(lines), height)
		}
		for _, line := range lines {
			if uniseg.StringWidth(line) > width {
				t.Errorf("%d columns on %d: %q", uniseg.StringWidth(line), width, line)
			}
		}
		if drawn := strings.Contains(text, "▄█"); drawn && width < 20 || !drawn && topics > 0 && width >= 110 {
			t.Errorf("on %d columns trends are drawn is %v:\n%s", width, drawn, text)
		}
	})
}

func TestTrends_DropOldestRates(t *testing.T) {
	t.Parallel()
	kept := trends{}
	before := Sample{}
	for second := range int64(trendPoints + 20) {
		now := watched(second, 2, second*7)
		kept.add(now, before)
		before = now
	}
	for _, name := range []string{allTopics, "topic number 0", "topic number 1"} {
		if rates := kept[name]; len(rates) != trendPoints {
			t.Errorf("%d rates of %q", len(rates), name)
		}
	}
	if rate := kept["topic number 1"][0]; rate != 7 {
		t.Errorf("the rate is %v", rate)
	}
}
