package redis

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/suitetest"
	"github.com/eventagg/eventagg/pkg/testdb"
)

// TestPrune_ReportsStreamsThatNoWorkerReads queues events with some settings, and starts
// a worker with others.
func TestPrune_ReportsStreamsThatNoWorkerReads(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		before, after Options
		events        int
		read          bool // a worker of the old settings lives
		want          []string
	}{
		"another prefix":                     {Options{Prefix: "old"}, Options{Prefix: "new"}, 3, false, []string{"{old:0}:events 3"}},
		"another prefix that a worker reads": {Options{Prefix: "old"}, Options{Prefix: "new"}, 3, true, nil},
		"another prefix without events":      {Options{Prefix: "old"}, Options{Prefix: "new"}, 0, false, nil},
		"fewer streams":                      {Options{Streams: 3}, Options{Streams: 1}, 3, false, []string{"{eventagg:1}:events 1", "{eventagg:2}:events 1"}},
		"fewer streams that a worker reads":  {Options{Streams: 2}, Options{Streams: 1}, 2, true, []string{"{eventagg:1}:events 1"}},
		"more streams":                       {Options{Streams: 1}, Options{Streams: 3}, 3, false, nil},
		"the same settings":                  {Options{Prefix: "a"}, Options{Prefix: "a"}, 3, false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var log suitetest.Log
			now := time.Now()
			row.before.URL, row.before.AllowWeak = testdb.StartRedis(t, testdb.RedisOptions{}).URL(), true
			row.after.URL, row.after.AllowWeak, row.after.Logger = row.before.URL, true, log.Logger()
			row.after.Now = func() time.Time { return now }
			before := open(t, row.before)
			for i := range row.events {
				if _, err := before.Append(t.Context(), newEvents(1)); err != nil {
					t.Fatalf("event %d: %v", i, err)
				}
			}
			if row.read {
				c := before.Consumer("old worker")
				if _, err := c.Receive(t.Context(), 0); err != nil {
					t.Fatal(err)
				}
			}
			after := open(t, row.after)
			c := after.Consumer("new worker")
			for range 3 { // each stream is reported once
				if err := c.Prune(t.Context(), time.Hour); err != nil {
					t.Fatal(err)
				}
				now = now.Add(time.Minute)
			}
			var got []string
			for line := range strings.Lines(log.String()) {
				var stream string
				var events int
				_, rest, _ := strings.Cut(line, "stream=")
				if _, err := fmt.Sscanf(rest, "%s events=%d", &stream, &events); err != nil {
					t.Fatalf("%s: %v", line, err)
				}
				got = append(got, fmt.Sprint(stream, " ", events))
			}
			if !slices.Equal(got, row.want) {
				t.Errorf("reported %q, want %q; the log:\n%s", got, row.want, log.String())
			}
		})
	}
}

// TestPrune_WorksWithoutSCAN has an access list that does not permit to look for other
// streams.
func TestPrune_WorksWithoutSCAN(t *testing.T) {
	t.Parallel()
	server := testdb.StartRedis(t, testdb.RedisOptions{})
	do(t, server.URL(), "ACL", "SETUSER", "default", "-scan", "-hget")
	c := open(t, Options{URL: server.URL()}).Consumer("worker")
	if err := c.Prune(t.Context(), time.Hour); err != nil {
		t.Error(err)
	}
}
