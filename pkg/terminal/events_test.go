package terminal

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/rivo/uniseg"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/store"
)

func twoRecords() []store.Record {
	noon := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	return []store.Record{
		{Event: event.Event{Topic: "t", ID: "1", Timestamp: noon, Source: "web-1", Payload: `{"n":1.50,"s":"<&>"}`}, CreatedAt: noon.Add(time.Second)},
		{Event: event.Event{Topic: "user_login", ID: "日本", Timestamp: noon, Source: "s", Payload: `{"x":"` + "\u009b31m\u202e" + `"}`}, CreatedAt: noon.Add(2 * time.Second)},
	}
}

func TestEventWriter_AlignsColumns(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	if err := NewEventWriter(&out, nil).Write(twoRecords()...); err != nil {
		t.Fatal(err)
	}
	const want = `2025-12-19 12:00:01.000Z  t           1     web-1  {"n":1.50,"s":"<&>"}
2025-12-19 12:00:02.000Z  user_login  日本  s      {"x":"\u009b31m\u202e"}
`
	if out.String() != want {
		t.Errorf("wrote\n%s", &out)
	}
}

func TestEventWriter_CutsLineToTerminal(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	records := twoRecords()
	records[0].Payload = `{"x":"` + strings.Repeat("日", 100) + `"}`
	if err := (&EventWriter{out: &out, width: 80}).Write(records...); err != nil {
		t.Fatal(err)
	}
	line, _, _ := strings.Cut(out.String(), "\n")
	if width := uniseg.StringWidth(line); width > 80 || width < 79 || !strings.HasSuffix(line, "…") {
		t.Errorf("%d columns: %s", width, line)
	}
	out.Reset()
	if err := (&EventWriter{out: &out, width: 20}).Write(records...); err != nil || !strings.HasPrefix(out.String(), "2025-12-19 12:00:01…\n") {
		t.Errorf("%v, on a narrow terminal: %s", err, &out)
	}
}

func TestEventWriter_ShortensLongTopicOnTerminal(t *testing.T) {
	t.Parallel()
	records := twoRecords()
	records[0].Topic = strings.Repeat("t", 255)
	for width, shortened := range map[int]bool{100: true, 0: false} {
		var out bytes.Buffer
		if err := (&EventWriter{out: &out, width: width}).Write(records...); err != nil {
			t.Fatal(err)
		}
		short := strings.Contains(out.String(), " "+strings.Repeat("t", maxNameColumns-1)+"…  ")
		if short != shortened || strings.Contains(out.String(), records[0].Topic) == shortened || !strings.Contains(out.String(), records[1].ID) {
			t.Errorf("with %d columns it wrote\n%s", width, &out)
		}
	}
}

func TestEventWriter_ColoursTopics(t *testing.T) {
	t.Parallel()
	records := append(twoRecords(), twoRecords()...)
	write := func(w *EventWriter) string {
		var out bytes.Buffer
		w.out = &out
		if err := w.Write(records...); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	plain, coloured := write(&EventWriter{width: 80}), write(&EventWriter{width: 80, colour: true})
	narrow := write(&EventWriter{width: 26, colour: true})
	lines := strings.Split(coloured, "\n")
	if lines[0] != lines[2] || lines[1] != lines[3] || lines[0][:40] == lines[1][:40] {
		t.Errorf("wrote\n%q", lines)
	}
	if !strings.Contains(lines[1], "m"+"user_login"+"\x1b[39m") || strings.Contains(narrow, "\x1b") {
		t.Errorf("wrote\n%q\nand\n%q", lines, narrow)
	}
	bare := coloured
	for _, topic := range []string{"t", "user_login"} {
		bare = strings.ReplaceAll(bare, paint(topic, topic), topic)
	}
	if bare != plain {
		t.Errorf("without colours it is\n%s\nwant\n%s", bare, plain)
	}
}
