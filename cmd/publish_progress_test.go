package cmd

import (
	"bytes"
	"fmt"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/loadgen"
	"github.com/eventagg/eventagg/pkg/store"
)

func TestProgressIsALineInALogAndABarOnATerminal(t *testing.T) {
	t.Parallel()
	now := loadgen.Progress{
		Counts: loadgen.Counts{Sent: 8020, Tally: event.Tally{Stored: 5000, Duplicate: 3000}, Retried: 4, Failed: 2}, Total: 20_000, Elapsed: 2 * time.Second,
	}
	const want = "8,002 of 20,000 events, 4,001/s, 5,000 success, 3,000 ignored, 4 retried, 2 failed, 3.00 s left"
	if got := progressLine(now); got != want {
		t.Errorf("line %q, expected %q", got, want)
	}
	now.Total, now.Retried, now.Failed = 0, 0, 0
	if got := progressLine(now); got != "8,000 events, 4,000/s, 5,000 success, 3,000 ignored" {
		t.Errorf("line %q without a total", got)
	}
	for _, interactive := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			show := &progress{out: &out}
			show.begin(interactive, func() frame { return publishFrame(now) })
			<-time.After(lineEvery + time.Millisecond)
			show.note("line 7: broken")
			show.end()
			if !strings.Contains(out.String(), "line 7: broken\n") {
				t.Errorf("the note is missing in %q", out.String())
			}
			if bar := strings.Contains(out.String(), "3,000 repeats"); bar != interactive {
				t.Errorf("interactive is %v, wrote %q", interactive, out.String())
			}
			if line := strings.Contains(out.String(), progressLine(now)+"\n"); line == interactive {
				t.Errorf("interactive is %v, wrote %q", interactive, out.String())
			}
		})
	}
}

func TestProgressSaysWhyItRetries(t *testing.T) {
	t.Parallel()
	refused := fmt.Errorf("publish: %w", &client.ConnectionError{Server: "http://h:1", Err: syscall.ECONNREFUSED})
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"a server that is away":       {refused, "retrying: connection refused"},
		"a server with too much":      {&store.RetryError{Err: &client.ResponseError{Status: 503, Problem: api.Problem{Title: "Overloaded", Detail: "More …"}}}, "retrying: server answered 503 Overloaded"},
		"a proxy without a server":    {&client.ResponseError{Status: 502}, "retrying: server answered 502 Bad Gateway"},
		"a target that is no server ": {store.ErrUnavailable, "retrying: store unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := loadgen.Progress{Counts: loadgen.Counts{Tally: event.Tally{Stored: 5}}, Elapsed: time.Second, Retrying: test.err}
			if line := progressLine(now); !strings.HasSuffix(line, " success, 0 ignored, "+test.want) {
				t.Errorf("the line is %q", line)
			}
			for _, success := range []int64{0, 5} { // before and after the first answer
				if out := stalledBar(t, success, test.err); strings.Count(out, test.want+"\n") != 1 || (success > 0) != strings.Contains(out, "retrying  ") {
					t.Errorf("after %d answers the bar is %q", success, out)
				}
			}
		})
	}
	if out := stalledBar(t, 5, nil); strings.Contains(out, "retrying") {
		t.Errorf("a slow server has the bar %q", out)
	}
}

// stalledBar is what a terminal is shown of a run that doesn't move.
func stalledBar(t *testing.T, success int64, err error) string {
	var out bytes.Buffer
	synctest.Test(t, func(*testing.T) {
		show := &progress{out: &out}
		show.begin(true, func() frame {
			return publishFrame(loadgen.Progress{Counts: loadgen.Counts{Tally: event.Tally{Stored: success}}, Total: 10, Retrying: err})
		})
		<-time.After(3 * stalledFor)
		show.end()
	})
	return out.String()
}

func TestALogHasALineSoonAndThenFewer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		took  time.Duration
		lines int
	}{
		"a moment needs none":         {400 * time.Millisecond, 0},
		"a short run has one":         {1600 * time.Millisecond, 1},
		"a longer one has one each 2": {7 * time.Second, 4}, // after 0.5, 2.5, 4.5 and 6.5 s
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				show := &progress{out: &out}
				show.begin(false, func() frame { return publishFrame(loadgen.Progress{Total: 10}) })
				<-time.After(test.took)
				show.end()
				if lines := strings.Count(out.String(), "\n"); lines != test.lines {
					t.Errorf("%d lines, expected %d:\n%s", lines, test.lines, &out)
				}
			})
		})
	}
}

func TestTheBarBeginsWithTheFirstAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var success atomic.Int64
		show := &progress{out: &out}
		show.begin(true, func() frame {
			return publishFrame(loadgen.Progress{Counts: loadgen.Counts{Tally: event.Tally{Stored: success.Load()}}, Total: 20_000})
		})
		<-time.After(2*barEvery + time.Millisecond)
		synctest.Wait()
		if out.Len() > 0 {
			t.Errorf("before anything is answered it shows %q", out.String())
		}
		success.Store(1200)
		<-time.After(barEvery)
		show.end()
		// 1,200 in the 0.3 s since the run began.
		if !strings.Contains(out.String(), "(1200/20000, 4000 events/s)") {
			t.Errorf("the first frame is %q", out.String())
		}
	})
}
