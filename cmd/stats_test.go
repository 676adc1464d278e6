package cmd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/config"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestStats_ParsesArguments(t *testing.T) {
	t.Chdir(t.TempDir())
	const url = "http://127.0.0.1:8000"
	for name, test := range map[string]struct {
		args  []string
		want  statsOptions
		usage bool
	}{
		"nothing":                   {nil, statsOptions{limit: 1000, client: config.Client{URL: url}, format: "table", interval: time.Second}, false},
		"topics as JSON":            {[]string{"--topics", "-o", "json"}, statsOptions{limit: 1000, client: config.Client{URL: url}, format: "json", topics: true, interval: time.Second}, false},
		"watch":                     {[]string{"-w", "--interval=5s", "--url", "http://h:1"}, statsOptions{limit: 1000, client: config.Client{URL: "http://h:1"}, format: "table", watch: true, interval: 5 * time.Second}, false},
		"an interval of nothing":    {[]string{"--interval=0s"}, statsOptions{}, true},
		"an interval of less":       {[]string{"--interval=-1s"}, statsOptions{}, true},
		"an argument too many":      {[]string{"x"}, statsOptions{}, true},
		"a format that is not ours": {[]string{"-o", "xml"}, statsOptions{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parse(t, (*app).newStatsCmd, test.args...)
			if _, usage := errors.AsType[*usageError](err); usage != test.usage || (err != nil) != test.usage || got != test.want {
				t.Errorf("error %v, options %+v", err, got)
			}
		})
	}
}

// counting is a server whose counters grow with each request.
type counting struct {
	requests int
	step     int64
	fail     map[int]error // by the number of the request, from 1
	stop     func()        // called at the request after the last
	last     int
	// emptied is the first request to a new database.
	emptied int
}

// counted returns what the server has counted.
func (c *counting) counted() int64 {
	if c.emptied > 0 && c.requests >= c.emptied {
		return int64(c.requests-c.emptied) * c.step
	}
	return int64(c.requests) * c.step
}

func (c *counting) next() error {
	c.requests++
	if c.last > 0 && c.requests > c.last {
		c.stop()
		return context.Canceled
	}
	return c.fail[c.requests]
}

func (c *counting) Totals(context.Context) (api.Stats, error) {
	if err := c.next(); err != nil {
		return api.Stats{}, err
	}
	n := c.counted()
	return api.Stats{Received: 10 * n, Stored: 7 * n, Kept: 7 * n, Duplicates: 3 * n, Topics: 2, UptimeSeconds: 61.5}, nil
}

func (c *counting) TopicStats(context.Context, store.TopicQuery) ([]store.TopicStats, error) {
	if err := c.next(); err != nil {
		return nil, err
	}
	n, seen := c.counted(), time.Date(2025, 12, 19, 12, 0, 0, 0, time.UTC)
	return []store.TopicStats{
		{Topic: "user_login", Stored: 7 * n, Duplicates: 3 * n, FirstSeen: seen, LastSeen: seen},
		{Topic: "rare\u009b", Stored: 1, FirstSeen: seen, LastSeen: seen.Add(time.Millisecond)},
	}, nil
}

func TestStats_Shows(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		opts statsOptions
		want string
	}{
		"the totals": {statsOptions{format: "table"}, `received    10,000
stored       7,000
duplicates   3,000  30.0 %
topics           2
uptime       1m02s
`},
		"the topics, with control characters escaped": {statsOptions{format: "table", topics: true}, `TOPIC       RECEIVED  STORED  DUPLICATES   SHARE  LAST SEEN
user_login    10,000   7,000       3,000  30.0 %  2025-12-19 12:00:00.000Z
rare\u009b         1       1           0   0.0 %  2025-12-19 12:00:00.001Z
`},
		"the totals as JSON": {statsOptions{format: "json"}, `{
  "received": 10000,
  "unique_processed": 7000,
  "duplicate_dropped": 3000,
  "conflicts": 0,
  "stored_events": 7000,
  "topics_active": 2,
  "uptime_seconds": 61.5
}
`},
		"the busiest topics": {statsOptions{format: "table", topics: true, limit: 1}, `TOPIC       RECEIVED  STORED  DUPLICATES   SHARE  LAST SEEN
user_login    10,000   7,000       3,000  30.0 %  2025-12-19 12:00:00.000Z
`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, out, _ := testApp()
			if err := a.showStats(t.Context(), &counting{step: 1000}, test.opts); err != nil || out.String() != test.want {
				t.Errorf("%v\n%s\nexpected\n%s", err, out, test.want)
			}
		})
	}
}

func TestStats_ShowsTopicsAsJSON(t *testing.T) {
	t.Parallel()
	a, out, _ := testApp()
	if err := a.showStats(t.Context(), &counting{step: 1}, statsOptions{format: "json", topics: true}); err != nil {
		t.Fatal(err)
	}
	var rows []api.TopicStats
	if err := json.Unmarshal(out.Bytes(), &rows); err != nil || len(rows) != 2 || rows[0].Topic != "user_login" || rows[0].Stored != 7 {
		t.Errorf("%v: %s", err, out)
	}
}

// watchStats runs stats --watch until the server has received its last request.
func watchStats(t *testing.T, server *counting, opts statsOptions) (out, errOut string, err error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	server.stop = cancel
	opts.watch, opts.interval = true, 2*time.Second
	a, stdout, stderr := testApp()
	err = a.showStats(ctx, server, opts)
	return stdout.String(), stderr.String(), err
}

func TestStatsWatch_WritesLineEachInterval(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, errOut, err := watchStats(t, &counting{step: 100, last: 3}, statsOptions{format: "table"})
		if !errors.Is(err, context.Canceled) || errOut != "" {
			t.Errorf("%v, %s", err, errOut)
		}
		const want = `2000-01-01 00:00:00.000Z  received 1,000  stored 700  duplicates 300 (30.0 %)  -
2000-01-01 00:00:02.000Z  received 2,000  stored 1,400  duplicates 600 (30.0 %)  500/s
2000-01-01 00:00:04.000Z  received 3,000  stored 2,100  duplicates 900 (30.0 %)  500/s
`
		if out != want {
			t.Errorf("wrote\n%s", out)
		}
	})
}

func TestStatsWatch_WritesJSONLines(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, _, _ := watchStats(t, &counting{step: 100, last: 2}, statsOptions{format: "json"})
		const want = `{"time":"2000-01-01T00:00:00Z","received":1000,"unique_processed":700,"duplicate_dropped":300,"conflicts":0,"stored_events":700,"topics_active":2,"uptime_seconds":61.5}
{"time":"2000-01-01T00:00:02Z","received":2000,"unique_processed":1400,"duplicate_dropped":600,"conflicts":0,"stored_events":1400,"topics_active":2,"uptime_seconds":61.5,"received_per_second":500,"stored_per_second":350}
`
		if out != want {
			t.Errorf("wrote\n%s", out)
		}
	})
}

func TestStatsWatch_ShowsTopicsWithRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, _, _ := watchStats(t, &counting{step: 100, last: 2}, statsOptions{format: "table", topics: true})
		if strings.Count(out, "TOPIC") != 2 || strings.Count(out, "RATE") != 1 || !strings.Contains(out, "500/s") {
			t.Errorf("wrote\n%s", out)
		}
		jsonOut, _, _ := watchStats(t, &counting{step: 100, last: 2}, statsOptions{format: "json", topics: true})
		if strings.Count(jsonOut, "\n") != 2 || !strings.HasPrefix(jsonOut, `[{"topic":"user_login","unique_processed":700,`) {
			t.Errorf("wrote\n%s", jsonOut)
		}
	})
}

// The counters fall, so rates would be negative.
func TestStatsWatch_RestartsWithAnotherDatabase(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		out, _, _ := watchStats(t, &counting{step: 100, last: 4, emptied: 3}, statsOptions{format: "table"})
		const want = `2000-01-01 00:00:00.000Z  received 1,000  stored 700  duplicates 300 (30.0 %)  -
2000-01-01 00:00:02.000Z  received 2,000  stored 1,400  duplicates 600 (30.0 %)  500/s
2000-01-01 00:00:04.000Z  received 0  stored 0  duplicates 0 (-)  -
2000-01-01 00:00:06.000Z  received 1,000  stored 700  duplicates 300 (30.0 %)  500/s
`
		if out != want {
			t.Errorf("wrote\n%s", out)
		}
		for _, opts := range []statsOptions{{format: "json"}, {format: "table", topics: true}} {
			if out, _, _ := watchStats(t, &counting{step: 100, last: 4, emptied: 3}, opts); strings.Contains(out, "-500") || strings.Contains(out, ":-") {
				t.Errorf("a negative rate in\n%s", out)
			}
		}
	})
}

func TestStatsWatch_SurvivesOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		lost := fmt.Errorf("read stats: %w", &client.ConnectionError{Server: "http://h:1", Err: syscall.ECONNREFUSED})
		out, errOut, err := watchStats(t, &counting{step: 1, last: 5, fail: map[int]error{2: lost, 3: lost}}, statsOptions{format: "table"})
		if !errors.Is(err, context.Canceled) || strings.Count(out, "\n") != 3 {
			t.Errorf("%v\n%s", err, out)
		}
		const want = "eventagg: can't reach http://h:1: connection refused; retrying\neventagg: the server responds again\n"
		if errOut != want {
			t.Errorf("reported %q", errOut)
		}
	})
}

func TestStatsWatch_EndsIfRetryingDoesNotHelp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		refused := &client.ResponseError{Status: 500}
		if _, _, err := watchStats(t, &counting{fail: map[int]error{2: refused}}, statsOptions{}); !errors.Is(err, refused) {
			t.Errorf("got %v", err)
		}
		if _, _, err := watchStats(t, &counting{fail: map[int]error{1: store.ErrUnavailable}}, statsOptions{}); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("unavailable from the start: %v", err)
		}
	})
}

func TestExplainUnreachable_AddsHint(t *testing.T) {
	t.Parallel()
	refused := &client.ConnectionError{Server: "http://h:1", Err: &net.OpError{Op: "dial", Err: errors.New("connection refused")}}
	for name, test := range map[string]struct {
		url  string
		err  error
		want string
	}{
		"no server at the default address": {"http://127.0.0.1:8000", refused, "Is 'eventagg serve' running there? Use --url for another server."},
		"no server at another address":     {"http://h:1", refused, "Is 'eventagg serve --http-addr h:1' running there? Use --url for another server."},
		"a server that responds":           {"http://h:1", fmt.Errorf("%w: %w", store.ErrUnavailable, &client.ResponseError{Status: 503}), ""},
		"another error":                    {"http://h:1", errors.New("broken"), ""},
		"none":                             {"http://h:1", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := ""
			err := explainUnreachable(test.url, test.err)
			if hinted, ok := errors.AsType[*hintError](err); ok {
				got = hinted.Hint()
			}
			if got != test.want || (err == nil) != (test.err == nil) || (test.err != nil && !errors.Is(err, test.err)) {
				t.Errorf("error %v, hint %q", err, got)
			}
		})
	}
}
