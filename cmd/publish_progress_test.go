package cmd

import (
	"bytes"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/eventagg/eventagg/pkg/loadgen"
)

func TestProgressIsALineInALogAndABarOnATerminal(t *testing.T) {
	t.Parallel()
	now := loadgen.Progress{
		Counts: loadgen.Counts{Sent: 8020, Success: 5000, Ignored: 3000, Retried: 4, Failed: 2}, Total: 20_000, Elapsed: 2 * time.Second,
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
			show.begin(interactive, func() loadgen.Progress { return now })
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
				show.begin(false, func() loadgen.Progress { return loadgen.Progress{Total: 10} })
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
		show.begin(true, func() loadgen.Progress {
			return loadgen.Progress{Counts: loadgen.Counts{Success: success.Load()}, Total: 20_000}
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
