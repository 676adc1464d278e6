package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestTail_ParsesArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	noon := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	base := func(change func(*tailOptions)) tailOptions {
		o := tailOptions{client: config.Client{URL: "http://127.0.0.1:8000"}, format: tailFormat{outputFormat: "table"}, limit: 10, interval: 500 * time.Millisecond}
		change(&o)
		return o
	}
	for name, test := range map[string]struct {
		args    []string
		want    tailOptions
		problem string
	}{
		"nothing": {nil, base(func(*tailOptions) {}), ""},
		"filters": {
			[]string{"-n", "5000", "--topic", "t", "--source=s", "--since", "2025-12-19 12:00", "--until=2025-12-19T20:00+07:00", "-o=json"},
			base(func(o *tailOptions) {
				o.limit, o.format.outputFormat = 5000, "json"
				o.flags = filterFlags{topic: "t", source: "s", since: "2025-12-19 12:00", until: "2025-12-19T20:00+07:00"}
				o.filter = store.Filter{Topic: "t", Source: "s", Since: noon, Until: noon.Add(time.Hour)}
			}), "",
		},
		"follow":                 {[]string{"-f", "--limit=0", "--interval=1s"}, base(func(o *tailOptions) { o.follow, o.limit, o.interval = true, 0, time.Second }), ""},
		"a negative limit":       {[]string{"--limit=-1"}, tailOptions{}, "invalid --limit -1: must not be negative"},
		"no interval":            {[]string{"--interval=0"}, tailOptions{}, "invalid --interval 0s: must be at least 10ms"},
		"an invalid time":        {[]string{"--since=yesterday"}, tailOptions{}, `invalid --since "yesterday": expected a time such as 2025-12-19T12:00:00Z, or a duration before now such as 15m`},
		"an end with -f":         {[]string{"-f", "--until=15m"}, tailOptions{}, "invalid --until with -f"},
		"all problems are named": {[]string{"-n=-1", "--since=x", "--until=y"}, tailOptions{}, `invalid --until "y"`},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parse(t, (*app).newTailCmd, test.args...)
			if test.problem == "" {
				if err != nil || got != test.want {
					t.Errorf("error %v, options\n%+v, expected\n%+v", err, got, test.want)
				}
				return
			}
			if _, usage := errors.AsType[*usageError](err); !usage || !strings.Contains(err.Error(), test.problem) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestParseTime_AcceptsTimesAndDurations(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 12, 19, 12, 0, 0, 999, time.UTC)
	for text, want := range map[string]string{
		"15m": "2025-12-19T11:45:00Z", "1h30m": "2025-12-19T10:30:00Z", "0s": "2025-12-19T12:00:00Z", "7d": "2025-12-12T12:00:00Z",
		"2025-12-19": "2025-12-19T00:00:00Z", "2025-12-19T12:00:00+07": "2025-12-19T05:00:00Z",
		"": "", "-5m": "", "-1d": "", "1.5d": "", "99999d": "", "d": "", "15": "", "soon": "",
	} {
		got, err := parseTime(text, now)
		if (err != nil) != (want == "") || (err == nil && codec.FormatTime(got) != want) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	}
}

// stored is a server with these events.
type stored struct {
	records []store.Record
	err     error
}

func (s stored) Last(_ context.Context, _ store.Filter, last int, fn func([]store.Record) error) error {
	if s.err != nil {
		return s.err
	}
	return fn(s.records[max(0, len(s.records)-last):])
}

func (s stored) Follow(_ context.Context, _ store.Filter, _ int, _ time.Duration, fn func(store.Record) error) error {
	for _, r := range s.records {
		if err := fn(r); err != nil {
			return err
		}
	}
	return s.err
}

func (s stored) Resume(_ context.Context, _ client.ResumeQuery, fn func([]store.Record) error, at func(string) error) error {
	if err := fn(s.records); err != nil {
		return err
	}
	if err := at(api.Cursor{Newer: true}.String()); err != nil {
		return err
	}
	return s.err
}

func twoRecords() []store.Record {
	noon := time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	return []store.Record{
		{Event: event.Event{Topic: "t", ID: "1", Timestamp: noon, Source: "web-1", Payload: `{"n":1.50,"s":"<&>"}`}, CreatedAt: noon.Add(time.Second)},
		{Event: event.Event{Topic: "user_login", ID: "日本", Timestamp: noon, Source: "s", Payload: `{"x":"` + "\u009b31m\u202e" + `"}`}, CreatedAt: noon.Add(2 * time.Second)},
	}
}

func TestTail_AlignsColumns(t *testing.T) {
	t.Parallel()
	a, out, _ := testApp()
	if err := a.showTail(t.Context(), stored{records: twoRecords()}, tailOptions{limit: 10, format: tailFormat{outputFormat: "table"}}); err != nil {
		t.Fatal(err)
	}
	const want = `2025-12-19 12:00:01.000Z  t           1     web-1  {"n":1.50,"s":"<&>"}
2025-12-19 12:00:02.000Z  user_login  日本  s      {"x":"\u009b31m\u202e"}
`
	if out.String() != want {
		t.Errorf("wrote\n%s", out)
	}
}

func TestTail_FollowsLineByLine(t *testing.T) {
	t.Parallel()
	a, out, _ := testApp()
	err := a.showTail(t.Context(), stored{records: twoRecords(), err: context.Canceled}, tailOptions{follow: true, format: tailFormat{outputFormat: "table"}})
	if !errors.Is(err, context.Canceled) || strings.Count(out.String(), "\n") != 2 {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestTail_WritesJSON(t *testing.T) {
	t.Parallel()
	a, out, _ := testApp()
	records := twoRecords()
	if err := a.showTail(t.Context(), stored{records: records}, tailOptions{limit: 10, format: tailFormat{outputFormat: "json"}}); err != nil {
		t.Fatal(err)
	}
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	if len(lines) != len(records) {
		t.Fatalf("wrote\n%s", out)
	}
	for i, line := range lines {
		if got, err := codec.Decode(line); err != nil || got != records[i].Event {
			t.Errorf("%s is read back as %+v, %v", line, got, err)
		}
	}
}

func TestTail_AddsHintIfServerIsUnavailable(t *testing.T) {
	t.Parallel()
	for _, follow := range []bool{false, true} {
		a, _, _ := testApp()
		err := a.showTail(t.Context(), stored{err: &client.ConnectionError{Server: "http://h:1", Err: syscall.ECONNREFUSED}}, tailOptions{follow: follow, client: config.Client{URL: "http://h:1"}})
		if _, hinted := errors.AsType[*hintError](err); !hinted || !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("got %v", err)
		}
	}
}

func TestTail_EndsIfServerHasOtherEvents(t *testing.T) {
	t.Parallel()
	a, _, errOut := testApp()
	err := a.showTail(t.Context(), stored{err: fmt.Errorf("read events: %w", store.ErrForeignPosition)}, tailOptions{follow: true})
	if code := a.finish(t.Context(), err); code != exitFailed || !strings.Contains(errOut.String(), "Start 'eventagg tail -f' again") {
		t.Errorf("exit code %d, %s", code, errOut)
	}
}

// broken is a pipe without a reader.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestTail_EndsIfOutputIsClosed(t *testing.T) {
	t.Parallel()
	a, _, _ := testApp()
	a.out = broken{}
	for _, follow := range []bool{false, true} {
		if err := a.showTail(t.Context(), stored{records: twoRecords()}, tailOptions{follow: follow, limit: 1}); err == nil || err.Error() != "broken pipe" {
			t.Errorf("got %v", err)
		}
	}
}
