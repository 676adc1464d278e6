package loadgen

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/event"
)

func eventLine(id string, payload string) string {
	return fmt.Sprintf(`{"topic":"t","event_id":%q,"timestamp":"2025-12-19T12:00:00Z","source":"s","payload":%s}`, id, payload)
}

// readAll reads all events of a file, n at a time.
func readAll(t *testing.T, f *File, n int) (events []event.Event, refs []Ref, err error) {
	t.Helper()
	var batch Batch
	for {
		if err = f.Next(context.Background(), &batch, n); len(batch.Items) == 0 {
			return events, refs, err
		}
		if batch.Slot != int64(len(events)) || len(batch.Items) > n {
			t.Fatalf("%d events at slot %d after %d", len(batch.Items), batch.Slot, len(events))
		}
		for _, item := range batch.Items {
			events, refs = append(events, item.Event), append(refs, item.Ref)
		}
	}
}

func TestFile_SendsValidLinesAndReportsOthers(t *testing.T) {
	t.Parallel()
	long := eventLine("long", `{"x":"`+strings.Repeat("x", 70<<10)+`"}`)
	tests := map[string]struct {
		text string
		ids  string
		bad  string
	}{
		"nothing":                          {"", "", ""},
		"only blank lines":                 {"\n \n\t\r\n", "", ""},
		"a last line without its end":      {eventLine("a", "{}") + "\n" + eventLine("b", "{}"), "a b", ""},
		"lines with carriage returns":      {eventLine("a", "{}") + "\r\n" + eventLine("b", "{}") + "\r\n", "a b", ""},
		"a byte order mark":                {"\ufeff" + eventLine("a", "{}"), "a", ""},
		"blank lines count":                {"\n\nx\n" + eventLine("a", "{}"), "a", "3"},
		"broken lines don't stop the rest": {"{}\n" + eventLine("a", "{}") + "\nnull\n" + eventLine("b", "[]") + "\n" + eventLine("c", "{}"), "a c", "1 3 4"},
		"a line longer than the buffer":    {long + "\n" + eventLine("a", "{}"), "long a", ""},
		"a line over the limit":            {eventLine("a", "{}") + "\n" + strings.Repeat("x", 200<<10) + "\n" + eventLine("b", "{}"), "a b", "2"},
		"a last line over the limit":       {eventLine("a", "{}") + "\n" + strings.Repeat("x", 200<<10), "a", "2"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var bad []string
			f, err := NewFile(strings.NewReader(test.text), FileOptions{
				MaxLineBytes: 100 << 10,
				OnInvalid: func(line int64, err error) {
					if err == nil || err.Error() == "" {
						t.Errorf("line %d has no error", line)
					}
					bad = append(bad, fmt.Sprint(line))
				},
			})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			events, _, err := readAll(t, f, 3)
			if err != nil {
				t.Fatal(err)
			}
			ids := make([]string, len(events))
			for i, e := range events {
				ids[i] = e.ID
			}
			if got := strings.Join(ids, " "); got != test.ids {
				t.Errorf("sent %q, want %q", got, test.ids)
			}
			if got := strings.Join(bad, " "); got != test.bad || f.Bad() != int64(len(bad)) {
				t.Errorf("reported lines %q (%d), want %q", got, f.Bad(), test.bad)
			}
		})
	}
}

func TestFile_AddsRepeats(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		lines := rapid.IntRange(0, 300).Draw(rt, "lines")
		rate := rapid.Float64Range(0, 0.9).Draw(rt, "rate")
		var text strings.Builder
		for i := range lines {
			text.WriteString(eventLine(fmt.Sprint(i), "{}") + "\n")
		}
		f, err := NewFile(strings.NewReader(text.String()), FileOptions{DupRate: rate, Seed: 5, Remember: true})
		if err != nil {
			rt.Fatal(err)
		}
		defer f.Close()
		events, refs, err := readAll(t, f, 4)
		if err != nil {
			rt.Fatal(err)
		}
		seen := map[event.Key]int64{}
		for i, e := range events {
			index, ok := seen[e.Key()]
			if !ok {
				index = int64(len(seen))
				seen[e.Key()] = index
			}
			if refs[i] != (Ref{Index: index}) || f.Key(index) != e.Key() {
				rt.Fatalf("event %d has %+v, want key %d", i, refs[i], index)
			}
		}
		if len(seen) != lines {
			rt.Fatalf("%d of %d lines sent", len(seen), lines)
		}
		repeats := float64(len(events) - lines)
		if off := math.Abs(repeats - rate*float64(len(events))); off > 0.5 {
			rt.Fatalf("%v repeats of %d events at rate %v", repeats, len(events), rate)
		}
	})
}

func TestReservoir_PicksFromTheWholeFile(t *testing.T) {
	t.Parallel()
	var r reservoir
	const lines = 50_000
	size := event.Event{Payload: "{}"}.Size()
	for n := range int64(lines) {
		r.offer(n, Item{Event: event.Event{Payload: "{}"}, Ref: Ref{Index: n}})
	}
	if len(r.sample) != sampleLines || r.bytes != sampleLines*size {
		t.Fatalf("sample of %d lines and %d bytes", len(r.sample), r.bytes)
	}
	var quarter [4]int
	near := 0
	for slot := range int64(8000) {
		ref := r.pick(slot).Ref
		if ref.Index >= lines-recent {
			near++
			continue
		}
		quarter[ref.Index*4/lines]++
	}
	if near < 3500 || near > 4500 {
		t.Errorf("%d of 8,000 repeats are recent", near)
	}
	for i, n := range quarter {
		if n < 700 || n > 1300 {
			t.Errorf("%d repeats are from quarter %d of the file", n, i+1)
		}
	}
}

func TestReservoir_LimitsBytes(t *testing.T) {
	t.Parallel()
	var r reservoir
	large := event.Event{Payload: strings.Repeat("x", 1<<20)}
	for n := range int64(100) {
		r.offer(n, Item{Event: large, Ref: Ref{Index: n}})
	}
	if r.bytes > sampleBytes || len(r.sample) == 0 {
		t.Errorf("%d lines, %d bytes", len(r.sample), r.bytes)
	}
}

func TestFile_DistinguishesVersionsOfKey(t *testing.T) {
	t.Parallel()
	text := strings.Join([]string{
		eventLine("a", `{"v":1}`), eventLine("b", `{}`), eventLine("a", `{"v":2}`), eventLine("a", `{"v": 1.0}`), eventLine("a", `{"v":2e0}`),
	}, "\n")
	f, err := NewFile(strings.NewReader(text), FileOptions{Remember: true})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	events, refs, err := readAll(t, f, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := []Ref{{0, 0}, {1, 0}, {0, 1}, {0, 0}, {0, 1}}
	for i := range want {
		if refs[i] != want[i] {
			t.Errorf("line %d has %+v, want %+v", i+1, refs[i], want[i])
		}
	}
	if !f.Matches(0, 0, events[0]) || f.Matches(0, 0, events[2]) || !f.Matches(0, 1, events[2]) || !f.Matches(0, -1, events[2]) {
		t.Error("a version must match its own content, and any version all of them")
	}
	if f.Matches(1, -1, events[0]) {
		t.Error("another key's event must not match")
	}
}

func TestFile_ReturnsReadErrorOnce(t *testing.T) {
	t.Parallel()
	broken := errors.New("disk failed")
	in := io.MultiReader(strings.NewReader(eventLine("a", "{}")+"\n"), iotest.ErrReader(broken))
	f, err := NewFile(in, FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	events, _, err := readAll(t, f, 5)
	if len(events) != 1 || !errors.Is(err, broken) || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("%d events, error %v", len(events), err)
	}
	if again, _, err := readAll(t, f, 5); len(again) != 0 || err != nil {
		t.Errorf("afterwards %d events, error %v", len(again), err)
	}
}

func TestFile_NextEndsWithItsContext(t *testing.T) {
	t.Parallel()
	in, writer := io.Pipe()
	f, err := NewFile(in, FileOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		_, _ = io.WriteString(writer, eventLine("a", "{}")+"\n")
		cancel()
	}()
	var batch Batch
	if err := f.Next(ctx, &batch, 2); err != nil || len(batch.Items) > 1 {
		t.Errorf("%d events, error %v", len(batch.Items), err)
	}
	f.Close()
	_ = writer.Close()
}

func TestNewFile_RefusesInvalidDupRate(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{1, -0.1, math.NaN()} {
		if _, err := NewFile(strings.NewReader(""), FileOptions{DupRate: rate}); err == nil {
			t.Errorf("dup-rate %v is accepted", rate)
		}
	}
}

func TestFile_ReportsArray(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want map[int64]error // additional error of the invalid lines
	}{
		"an array on one line":        {"[" + eventLine("a", "{}") + "]", map[int64]error{1: ErrArray}},
		"an array over several lines": {"\n[\n" + eventLine("a", "{}") + ",\n]", map[int64]error{2: ErrArray, 3: nil, 4: nil}},
		"an array over the limit":     {"[" + strings.Repeat("x", 2000) + "]", map[int64]error{1: ErrArray}},
		"an array later on":           {eventLine("a", "{}") + "\n[]", map[int64]error{2: nil}},
		"lines, the first broken":     {"{}\n[]", map[int64]error{1: nil, 2: nil}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := map[int64]error{}
			f, err := NewFile(strings.NewReader(test.text), FileOptions{MaxLineBytes: 1000, OnInvalid: func(line int64, err error) { got[line] = err }})
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			if _, _, err := readAll(t, f, 3); err != nil || len(got) != len(test.want) {
				t.Errorf("error %v, invalid lines %v", err, got)
			}
			for line, want := range test.want {
				if other := errors.Is(got[line], ErrArray); other != (want != nil) || want != nil && !errors.Is(got[line], want) {
					t.Errorf("line %d: %v, want %v", line, got[line], want)
				}
			}
		})
	}
}

func TestFile_SendsIncompleteBatchesOfASlowInput(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		in, out := io.Pipe()
		f, err := NewFile(in, FileOptions{FlushInterval: 2500 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		go func() {
			for i, pause := range []time.Duration{time.Second, time.Second, time.Second, time.Hour, 0, 0} {
				_, _ = io.WriteString(out, eventLine(fmt.Sprint(i), "{}")+"\n")
				time.Sleep(pause)
			}
			_ = out.Close()
		}()
		var batch Batch
		var got []string
		for {
			if err := f.Next(t.Context(), &batch, 100); err != nil {
				t.Fatal(err)
			}
			if len(batch.Items) == 0 {
				break
			}
			got = append(got, fmt.Sprintf("%d after %s", len(batch.Items), time.Since(began).Round(100*time.Millisecond)))
		}
		// The timer of a batch begins with its first line, and a file's end sends the rest.
		if text := strings.Join(got, ", "); text != "3 after 2.5s, 1 after 5.5s, 2 after 1h0m3s" {
			t.Error(text)
		}
	})
}
