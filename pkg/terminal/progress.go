package terminal

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
)

// How often progress is shown. The first line of a log comes sooner than the
// others, so that a short run has one, too.
const (
	barInterval  = 100 * time.Millisecond
	firstLine    = 500 * time.Millisecond
	lineInterval = 2 * time.Second
	// stalledAfter is the time without progress after which a line above the bar
	// gives the reason. The bar has no room for it.
	stalledAfter = time.Second
)

// Progress shows the progress of a run, as a bar or as lines.
type Progress struct {
	out io.Writer

	mu      sync.Mutex
	bar     *progressbar.ProgressBar // nil shows lines
	done    int64                    // shown by the bar
	stalled int                      // frames with the same done and with retries
	stopped chan struct{}
	group   sync.WaitGroup
}

// Frame is a state of a run.
type Frame struct {
	// Done and Total count events, or bytes if Bytes is set. Total is 0 if it is not
	// known. Bytes must not change during a run.
	Done, Total int64
	Bytes       bool
	// Note stands beside a bar.
	Note string
	// Line is the state as a line of a log.
	Line string
	// Retrying is why something is retried now, or nil.
	Retrying error
}

// StartProgress calls frame again and again and shows what it returns on out,
// until Stop. A nil frame shows nothing. Bar chooses a bar instead of lines.
func StartProgress(out io.Writer, bar bool, frame func() Frame) *Progress {
	p := &Progress{out: out, stopped: make(chan struct{})}
	if frame == nil {
		return p
	}
	first, interval := firstLine, lineInterval
	if bar {
		first, interval, p.bar = barInterval, barInterval, newBar(out, frame())
		p.bar.StartWithoutRender() // starts its clock, which would start with the first frame
	}
	p.group.Go(func() { p.loop(first, interval, frame) })
	return p
}

func newBar(out io.Writer, now Frame) *progressbar.ProgressBar {
	total := now.Total
	if total == 0 {
		total = -1 // a spinner
	}
	return progressbar.NewOptions64(
		total,
		progressbar.OptionSetWriter(out),
		progressbar.OptionSetDescription(now.Note),
		progressbar.OptionSetWidth(24),
		progressbar.OptionThrottle(barInterval/2),
		progressbar.OptionShowCount(),
		progressbar.OptionShowBytes(now.Bytes),
		progressbar.OptionUseIECUnits(now.Bytes),
		progressbar.OptionShowIts(),
		progressbar.OptionSetItsString("events"),
		progressbar.OptionSetPredictTime(true),
		progressbar.OptionSetElapsedTime(true),
		progressbar.OptionSetSpinnerChangeInterval(0), // its own goroutine would race ours
		progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(true),
	)
}

func (p *Progress) loop(first, interval time.Duration, frame func() Frame) {
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			timer.Reset(interval)
			p.show(frame())
		case <-p.stopped:
			return
		}
	}
}

func (p *Progress) show(now Frame) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar == nil {
		_, _ = fmt.Fprintln(p.out, now.Line)
		return
	}
	p.reportStall(now)
	if now.Done == 0 {
		return // the bar divides by it
	}
	if now.Total > 0 && now.Total != p.bar.GetMax64() {
		p.bar.ChangeMax64(now.Total)
	}
	_ = p.bar.Set64(now.Done) // a bar that can't be drawn doesn't stop the run
	p.bar.Describe(now.Note)  // it is throttled, so this shows with the next frame
}

// reportStall writes, once per outage, why there is no progress.
func (p *Progress) reportStall(now Frame) {
	if now.Done != p.done || now.Retrying == nil {
		p.done, p.stalled = now.Done, 0
		return
	}
	p.stalled++
	if p.stalled == int(stalledAfter/barInterval) {
		_ = p.bar.Clear()
		_, _ = fmt.Fprintln(p.out, "retrying: "+shortReason(now.Retrying))
	}
}

// Println writes a line above the bar.
func (p *Progress) Println(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
	_, _ = fmt.Fprintln(p.out, line)
}

// Stop removes the bar. It returns when nothing more is written.
func (p *Progress) Stop() {
	close(p.stopped)
	p.group.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
