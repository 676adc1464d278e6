package terminal

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestScreen_RedrawsInPlace(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := &Screen{out: &out, terminal: true, trends: trends{}, size: func() (int, int) { return 80, 24 }}
	now := Sample{At: time.Unix(100, 0), Totals: api.Stats{Received: 100, Stored: 100, Kept: 100}}
	if err := s.Show(now, Sample{}); err != nil || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%v, the first time: %q", err, &out)
	}
	out.Reset()
	later := Sample{At: time.Unix(101, 0), Totals: api.Stats{Received: 1100, Stored: 600, Kept: 600}}
	if err := s.Show(later, now); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.HasPrefix(got, "\x1b[5A\x1b[Jreceived") || !strings.Contains(got, "1,100  1,000/s") || !strings.Contains(got, "600  500/s") {
		t.Errorf("the second time: %q", got)
	}
	out.Reset()
	s.KeepLast()
	if err := s.Show(later, now); err != nil || strings.Contains(out.String(), "\x1b") {
		t.Errorf("%v, after something else was written: %q", err, &out)
	}
}

func TestTopicsTable_CountsRowsLeftOut(t *testing.T) {
	t.Parallel()
	topics := make([]store.TopicStats, 1500)
	table := topicsTable(topics, nil, 0, 3)
	if len(table.rows) != 4 || table.rows[3][0] != "… and 1,497 more" {
		t.Errorf("rows %v", table.rows)
	}
	if full := topicsTable(topics, nil, 0, len(topics)); len(full.rows) != len(topics) {
		t.Errorf("%d rows", len(full.rows))
	}
}

func TestPercent_OfNothingIsADash(t *testing.T) {
	t.Parallel()
	if percent(0, 0) != "-" || percent(1, 3) != "33.3 %" || Rate(perSecond(1, 1, 0)) != "-" || !math.IsInf(perSecond(2, 1, 0), 1) {
		t.Error(percent(0, 0), percent(1, 3))
	}
}
