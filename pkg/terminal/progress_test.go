package terminal

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

func TestProgress_IsLinesInLogAndBarOnTerminal(t *testing.T) {
	t.Parallel()
	now := loadgen.Progress{
		Counts: loadgen.Counts{Sent: 8020, Tally: event.Tally{Stored: 5000, Duplicate: 3000}, Retried: 4, Failed: 2}, Total: 20_000, Elapsed: 2 * time.Second,
	}
	const want = "8,002 of 20,000 events, 4,001/s, 5,000 success, 3,000 ignored, 4 retried, 2 failed, 3.00 s left"
	if got := publishLine(now); got != want {
		t.Errorf("line %q, expected %q", got, want)
	}
	now.Total, now.Retried, now.Failed = 0, 0, 0
	if got := publishLine(now); got != "8,000 events, 4,000/s, 5,000 success, 3,000 ignored" {
		t.Errorf("line %q without a total", got)
	}
	for _, interactive := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			show := StartProgress(&out, interactive, func() Frame { return PublishFrame(now) })
			time.Sleep(lineInterval + time.Millisecond)
			show.Println("line 7: broken")
			show.Stop()
			if !strings.Contains(out.String(), "line 7: broken\n") {
				t.Errorf("the note is missing in %q", out.String())
			}
			if bar := strings.Contains(out.String(), "3,000 ignored "); bar != interactive {
				t.Errorf("interactive is %v, wrote %q", interactive, out.String())
			}
			if line := strings.Contains(out.String(), publishLine(now)+"\n"); line == interactive {
				t.Errorf("interactive is %v, wrote %q", interactive, out.String())
			}
		})
	}
}

func TestProgress_GivesReasonOfRetries(t *testing.T) {
	t.Parallel()
	refused := fmt.Errorf("publish: %w", &client.ConnectionError{Server: "http://h:1", Err: syscall.ECONNREFUSED})
	for name, test := range map[string]struct {
		err  error
		want string
	}{
		"server unavailable":     {refused, "retrying: connection refused"},
		"server overloaded":      {&store.RetryError{Err: &client.ResponseError{Status: 503, Problem: api.Problem{Title: "Overloaded", Detail: "More …"}}}, "retrying: server responded 503 Overloaded"},
		"proxy without a server": {&client.ResponseError{Status: 502}, "retrying: " + (&client.ResponseError{Status: 502}).Error()},
		"target without HTTP":    {store.ErrUnavailable, "retrying: store unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			now := loadgen.Progress{Counts: loadgen.Counts{Tally: event.Tally{Stored: 5}}, Elapsed: time.Second, Retrying: test.err}
			if line := publishLine(now); !strings.HasSuffix(line, " success, 0 ignored, "+test.want) {
				t.Errorf("the line is %q", line)
			}
			for _, success := range []int64{0, 5} { // before and after the first response
				if out := stalledBar(t, success, test.err); strings.Count(out, test.want+"\n") != 1 || (success > 0) != strings.Contains(out, "retrying  ") {
					t.Errorf("after %d responses the bar is %q", success, out)
				}
			}
		})
	}
	if out := stalledBar(t, 5, nil); strings.Contains(out, "retrying") {
		t.Errorf("a slow server has the bar %q", out)
	}
}

// stalledBar returns what a terminal shows of a run without progress.
func stalledBar(t *testing.T, success int64, err error) string {
	var out bytes.Buffer
	synctest.Test(t, func(*testing.T) {
		show := StartProgress(&out, true, func() Frame {
			return PublishFrame(loadgen.Progress{Counts: loadgen.Counts{Tally: event.Tally{Stored: success}}, Total: 10, Retrying: err})
		})
		time.Sleep(3 * stalledAfter)
		show.Stop()
	})
	return out.String()
}

func TestProgress_WritesFirstLineSoon(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		took  time.Duration
		lines int
	}{
		"0.4 s": {400 * time.Millisecond, 0},
		"1.6 s": {1600 * time.Millisecond, 1},
		"7 s":   {7 * time.Second, 4}, // after 0.5, 2.5, 4.5 and 6.5 s
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var out bytes.Buffer
				show := StartProgress(&out, false, func() Frame { return PublishFrame(loadgen.Progress{Total: 10}) })
				time.Sleep(test.took)
				show.Stop()
				if lines := strings.Count(out.String(), "\n"); lines != test.lines {
					t.Errorf("%d lines, expected %d:\n%s", lines, test.lines, &out)
				}
			})
		})
	}
}

func TestProgress_StartsBarWithFirstResponse(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		var success atomic.Int64
		show := StartProgress(&out, true, func() Frame {
			return PublishFrame(loadgen.Progress{Counts: loadgen.Counts{Tally: event.Tally{Stored: success.Load()}}, Total: 20_000})
		})
		time.Sleep(2*barInterval + time.Millisecond)
		synctest.Wait()
		if out.Len() > 0 {
			t.Errorf("before the first response it shows %q", out.String())
		}
		success.Store(1200)
		time.Sleep(barInterval)
		show.Stop()
		// 1,200 in the 0.3 s since the run began.
		if !strings.Contains(out.String(), "(1200/20000, 4000 events/s)") {
			t.Errorf("the first frame is %q", out.String())
		}
	})
}
