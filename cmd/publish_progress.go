package cmd

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/loadgen"
)

// How often progress is shown: a bar moves, a log fills. The first line comes
// sooner, so that a log of a short run has one too.
const (
	barEvery  = 100 * time.Millisecond
	firstLine = 500 * time.Millisecond
	lineEvery = 2 * time.Second
	// stalledFor is how long nothing moves before a bar, which has no room for
	// it, gets a line with the reason.
	stalledFor = time.Second
)

// progress shows on out how a run is getting on, from begin to end.
type progress struct {
	out io.Writer

	mu    sync.Mutex
	bar   *progressbar.ProgressBar // nil shows lines
	done  int64                    // that the bar shows
	still int                      // frames in which that stayed, and something was tried again
	ended chan struct{}
	group sync.WaitGroup
}

// frame is a state of a run as it is shown.
type frame struct {
	done, total int64  // total is 0 where it is not known
	note        string // beside a bar
	line        string // for a log
	stuck       error  // why it is being tried again, nil where it isn't
}

// begin shows what now answers until end is called; nil shows nothing.
func (p *progress) begin(interactive bool, now func() frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended = make(chan struct{})
	if now == nil {
		return
	}
	first, every := firstLine, lineEvery
	if interactive {
		first, every, p.bar = barEvery, barEvery, newBar(p.out, now())
		p.bar.StartWithoutRender() // its clock, which would begin at the first frame
	}
	p.group.Go(func() { p.loop(first, every, now) })
}

func newBar(out io.Writer, now frame) *progressbar.ProgressBar {
	total := now.total
	if total == 0 {
		total = -1 // a spinner
	}
	return progressbar.NewOptions64(
		total,
		progressbar.OptionSetWriter(out),
		progressbar.OptionSetDescription(now.note),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(barEvery/2),
		progressbar.OptionShowCount(),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("events"),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionSetSpinnerChangeInterval(0), // its own goroutine would race ours
		progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(true),
	)
}

func (p *progress) loop(first, every time.Duration, now func() frame) {
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			timer.Reset(every)
			p.show(now())
		case <-p.ended:
			return
		}
	}
}

func (p *progress) show(now frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil {
		_, _ = fmt.Fprintln(p.out, now.line)
		return
	}
	p.tellStall(now)
	if now.done == 0 {
		return // a bar divides by it
	}
	_ = p.bar.Set64(now.done) // what can't be shown is no reason to stop
	// It would draw the bar again; throttled, it is for the next frame.
	p.bar.Describe(now.note)
}

// tellStall writes once in each outage why nothing moves.
func (p *progress) tellStall(now frame) {
	if now.done != p.done || now.stuck == nil {
		p.done, p.still = now.done, 0
		return
	}
	p.still++
	if p.still == int(stalledFor/barEvery) {
		_ = p.bar.Clear()
		_, _ = fmt.Fprintln(p.out, "retrying: "+shortReason(now.stuck))
	}
}

// shortReason is why a request is tried again, in a few words: the line says
// already what is sent, and to whom.
func shortReason(err error) string {
	if lost, ok := errors.AsType[*client.ConnectionError](err); ok {
		return lost.Cause()
	}
	answered, ok := errors.AsType[*client.ResponseError](err)
	switch {
	case !ok:
		return err.Error()
	case answered.Problem.Title != "":
		return fmt.Sprintf("server answered %d %s", answered.Status, answered.Problem.Title)
	default:
		return answered.Error()
	}
}

// note writes a line between two states of the bar.
func (p *progress) note(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	_, _ = fmt.Fprintln(p.out, line)
}

// end takes the bar away and waits until nothing more is written.
func (p *progress) end() {
	close(p.ended)
	p.group.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}

// publishFrame is a state of publish.
func publishFrame(now loadgen.Progress) frame {
	f := frame{done: done(now), total: now.Total, note: formatCount(now.Duplicate) + " repeats", line: progressLine(now), stuck: now.Retrying}
	if f.stuck != nil {
		f.note = "retrying"
	}
	return f
}

// done is how many events need no more work.
func done(now loadgen.Progress) int64 { return now.Completed() + now.Failed }

// progressLine is a state of the run for a log.
func progressLine(now loadgen.Progress) string {
	line := formatCount(done(now))
	if now.Total > 0 {
		line += " of " + formatCount(now.Total)
	}
	rate := float64(done(now)) / max(now.Elapsed.Seconds(), 1e-9)
	line += fmt.Sprintf(" events, %s, %s success, %s ignored", formatRate(rate), formatCount(now.Stored), formatCount(now.Duplicate))
	if now.Queued > 0 {
		line += fmt.Sprintf(", %s queued", formatCount(now.Queued))
	}
	if now.Retried > 0 {
		line += fmt.Sprintf(", %s retried", formatCount(now.Retried))
	}
	if now.Failed > 0 {
		line += fmt.Sprintf(", %s failed", formatCount(now.Failed))
	}
	if left := now.Total - done(now); now.Total > 0 && rate > 0 {
		line += fmt.Sprintf(", %s left", loadgen.FormatDuration(time.Duration(float64(left)/rate*float64(time.Second))))
	}
	if now.Retrying != nil {
		line += ", retrying: " + shortReason(now.Retrying)
	}
	return line
}
