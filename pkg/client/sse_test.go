package client

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// result is a copy of a message.
type result struct {
	ID, Kind, Data string
	Bare           bool // it has no data
}

// readAll reads a stream to its end.
func readAll(source io.Reader, limit int) ([]result, *messageReader, error) {
	r := newMessageReader(source, limit)
	var all []result
	for {
		m, err := r.next()
		if err != nil {
			return all, r, err
		}
		all = append(all, result{m.id, m.kind, string(m.data), m.data == nil})
	}
}

func TestMessageReader_FollowsTheStandard(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		text string
		want []result
	}{
		"a message":                                     {"id: 1\nevent: event\ndata: {}\n\n", []result{{"1", "event", "{}", false}}},
		"line ends of all three kinds, mixed":           {"id: 1\r\ndata: a\rdata: b\n\r\ndata: c\r\r", []result{{"1", "", "a\nb", false}, {"1", "", "c", false}}},
		"data of several lines, the standard's example": {"data: YHOO\ndata: +2\ndata: 10\n\n", []result{{"", "", "YHOO\n+2\n10", false}}},
		"comments and ids, the standard's example": {
			": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event\n\n",
			[]result{{"1", "", "first event", false}, {"", "", "second event", false}, {"", "", " third event", false}},
		},
		"data without a value is data":                     {"data\n\n" + strings.Repeat("data\n", 2) + "\ndata:\n", []result{{"", "", "", false}, {"", "", "\n", false}}},
		"one space after the colon is ignored":             {"data:test\n\ndata: test\n\n", []result{{"", "", "test", false}, {"", "", "test", false}}},
		"an id without data counts":                        {"id: 7\n\n", []result{{"7", "", "", true}}},
		"a kind without data is forgotten":                 {"event: a\n\nid: 1\ndata: x\n\n", []result{{"1", "", "x", false}}},
		"an id stays until the next":                       {"id: 1\ndata: a\n\ndata: b\n\n", []result{{"1", "", "a", false}, {"1", "", "b", false}}},
		"an id with a zero byte is ignored":                {"id: 1\n\nid: a\x00b\ndata: x\n\n", []result{{"1", "", "", true}, {"1", "", "x", false}}},
		"a byte order mark is skipped, once":               {"\ufeffdata: a\n\n\ufeffdata: b\n\n", []result{{"", "", "a", false}}},
		"unknown fields and those in capitals are ignored": {"DATA: x\ndatas: x\n data: x\nfoo\ndata: y\n\n", []result{{"", "", "y", false}}},
		"an incomplete message is ignored":                 {"data: a\n\nid: 2\ndata: b\n", []result{{"", "", "a", false}}},
		"a message with an incomplete line is ignored":     {"id: 2\ndata: b", nil},
		"a value may have colons":                          {"data: a: b:c\n\n", []result{{"", "", "a: b:c", false}}},
		"an invalid retry is ignored":                      {"retry: 1s\nretry: +5\nretry: -1\nretry:\ndata: x\n\n", []result{{"", "", "x", false}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, r, err := readAll(strings.NewReader(row.text), 1000)
			if diff := gocmp.Diff(row.want, got); diff != "" || !errors.Is(err, io.EOF) || r.retry != 0 {
				t.Errorf("%v, retry %v\n%s", err, r.retry, diff)
			}
		})
	}
}

func TestMessageReader_LimitsRetry(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"retry: 1500\n": 1500 * time.Millisecond, "retry:20\n": 20 * time.Millisecond, "retry: 999999999\n": maxRetryAfter, "retry: 99999999999999999999\n": 0,
	} {
		if _, r, _ := readAll(strings.NewReader(text), 1000); r.retry != want {
			t.Errorf("%q is %v", text, r.retry)
		}
	}
}

// Nothing follows on the connection, so a carriage return alone must end a line.
func TestMessageReader_ReturnsMessageWithItsLastByte(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"data: x\n\n", "data: x\r\r", "data: x\r\n\r\n", "data: x\r\n\r"} {
		reader, writer := io.Pipe()
		go func() { _, _ = io.WriteString(writer, text) }()
		if m, err := newMessageReader(reader, 100).next(); err != nil || string(m.data) != "x" {
			t.Errorf("%q: %q, %v", text, m.data, err)
		}
		_ = writer.Close()
	}
}

func TestMessageReader_LimitsMessages(t *testing.T) {
	t.Parallel()
	const limit = 100_000
	for name, text := range map[string]string{
		"a line":             "data: " + strings.Repeat("x", limit),
		"a line with an end": "data: " + strings.Repeat("x", limit) + "\n\n",
		"many lines":         strings.Repeat("data: x\n", limit),
		"a comment":          ":" + strings.Repeat("x", 2*limit),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, r, err := readAll(io.MultiReader(strings.NewReader(text), neverEnding{}), limit)
			if !errors.Is(err, errLong) || cap(r.line)+cap(r.data) > 4*limit {
				t.Errorf("%v with buffers of %d bytes", err, cap(r.line)+cap(r.data))
			}
		})
	}
	text := "data: " + strings.Repeat("x", limit-100) + "\n\n"
	if got, _, err := readAll(strings.NewReader(strings.Repeat(text, 3)), limit); len(got) != 3 || !errors.Is(err, io.EOF) {
		t.Errorf("%d messages within the limit, %v", len(got), err)
	}
}

// neverEnding is a stream without a line end.
type neverEnding struct{}

func (neverEnding) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// model reads a whole stream in the simplest way that the standard allows.
func model(text string) []result {
	text = strings.TrimPrefix(text, "\ufeff")
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text)
	lines := strings.Split(text, "\n")
	var (
		all             []result
		id, kind, data  string
		hasData, hasTag bool
	)
	for _, line := range lines[:len(lines)-1] { // the rest is an incomplete line
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if hasData || hasTag {
				all = append(all, result{id, kind, strings.TrimSuffix(data, "\n"), !hasData})
			}
			kind, data, hasData, hasTag = "", "", false, false
		case name == "data":
			data, hasData = data+value+"\n", true
		case name == "event":
			kind = value
		case name == "id" && !strings.Contains(value, "\x00"):
			id, hasTag = value, true
		}
	}
	return all
}

func checkAgainstModel(t interface {
	Helper()
	Errorf(format string, args ...any)
}, text string,
) {
	t.Helper()
	want := model(text)
	for _, source := range []io.Reader{strings.NewReader(text), iotest.OneByteReader(strings.NewReader(text))} {
		got, _, err := readAll(source, 1<<20)
		if diff := gocmp.Diff(want, got); diff != "" || !errors.Is(err, io.EOF) {
			t.Errorf("%q: %v\n%s", text, err, diff)
		}
	}
}

func TestMessageReader_MatchesModel(t *testing.T) {
	t.Parallel()
	piece := rapid.SampledFrom([]string{
		"data", "event", "id", "retry", ":", ": ", " ", "\n", "\n\n", "\r", "\r\n", "\r\r", "\ufeff", "\x00", "x", "12", "é", "\xff",
	})
	rapid.Check(t, func(t *rapid.T) {
		checkAgainstModel(t, strings.Join(rapid.SliceOfN(piece, 0, 60).Draw(t, "pieces"), ""))
	})
}

func FuzzMessageReader(f *testing.F) {
	f.Add("id: 1\r\nevent: event\rdata: {}\n\n: comment\n\nretry: 10\n\n")
	f.Add("\ufeffdata\n\ndata:\r\r\n\nid\x00\n")
	f.Fuzz(func(t *testing.T, text string) { checkAgainstModel(t, text) })
}
