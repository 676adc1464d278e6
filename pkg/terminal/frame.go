package terminal

import (
	"errors"
	"fmt"
	"time"

	"github.com/eventagg/eventagg/pkg/client"
	"github.com/eventagg/eventagg/pkg/loadgen"
)

// PublishFrame returns the frame of a publish run.
func PublishFrame(now loadgen.Progress) Frame {
	f := Frame{Done: finished(now), Total: now.Total, Note: Count(now.Duplicate) + " ignored", Line: publishLine(now), Retrying: now.Retrying}
	if f.Retrying != nil {
		f.Note = "retrying"
	}
	return f
}

// finished returns the number of events that need no more work.
func finished(now loadgen.Progress) int64 { return now.Completed() + now.Failed }

func publishLine(now loadgen.Progress) string {
	done := finished(now)
	line := Count(done)
	if now.Total > 0 {
		line += " of " + Count(now.Total)
	}
	rate := float64(done) / max(now.Elapsed.Seconds(), 1e-9)
	line += fmt.Sprintf(" events, %s, %s success, %s ignored", Rate(rate), Count(now.Stored), Count(now.Duplicate))
	some := func(events int64, name string) string {
		if events == 0 {
			return ""
		}
		return ", " + Count(events) + " " + name
	}
	line += some(now.Queued, "queued") + some(now.Retried, "retried") + some(now.Failed, "failed")
	if left := now.Total - done; now.Total > 0 && rate > 0 {
		line += fmt.Sprintf(", %s left", loadgen.FormatDuration(time.Duration(float64(left)/rate*float64(time.Second))))
	}
	if now.Retrying != nil {
		line += ", retrying: " + shortReason(now.Retrying)
	}
	return line
}

// ExportFrame returns the frame of an export: events done, the expected total (0 if
// not known), the time so far, and why the server is being retried, or nil.
func ExportFrame(done, total int64, elapsed time.Duration, retrying error) Frame {
	f := Frame{Done: done, Total: total, Note: "exporting", Retrying: retrying, Line: Count(done)}
	if total > 0 {
		f.Line += " of about " + Count(total)
	}
	f.Line += " events, " + Rate(float64(done)/elapsed.Seconds())
	if retrying != nil {
		f.Note = "waiting"
		f.Line += ", retrying: " + shortReason(retrying)
	}
	return f
}

// CopyFrame returns the frame of a copy of a file: the bytes copied, their total (0 if
// not known yet), whether the copy is being checked, and the time so far.
func CopyFrame(copied, total int64, checking bool, elapsed time.Duration) Frame {
	f := Frame{Done: copied, Total: total, Bytes: true, Note: "copying"}
	if checking {
		f.Note = "checking"
		f.Line = fmt.Sprintf("checking %s, %s", Bytes(copied), loadgen.FormatDuration(elapsed))
		return f
	}
	f.Line = "copied " + Bytes(copied)
	if total > 0 {
		f.Line += " of " + Bytes(total)
	}
	return f
}

// shortReason returns the reason of a retry without what the reader knows: which
// request it was and to which server.
func shortReason(err error) string {
	if lost, ok := errors.AsType[*client.ConnectionError](err); ok {
		return lost.Cause()
	}
	response, ok := errors.AsType[*client.ResponseError](err)
	switch {
	case !ok:
		return Printable(err.Error())
	case response.Problem.Title != "":
		return fmt.Sprintf("server responded %d %s", response.Status, Printable(response.Problem.Title))
	default:
		return response.Error()
	}
}

// AuditFrame returns the frame of an audit: rows that are checked, about how many there
// are (0 if not known), the number of differences, and the time so far.
func AuditFrame(done, total, found int64, elapsed time.Duration) Frame {
	f := Frame{Done: done, Total: max(total, done), Note: "verifying", Line: Count(done)}
	if total > 0 {
		f.Line += " of about " + Count(total)
	}
	f.Line += " rows, " + Rate(float64(done)/elapsed.Seconds())
	if found > 0 {
		f.Note = Count(found) + " differences"
		f.Line += ", " + Count(found) + " differences"
	}
	return f
}
