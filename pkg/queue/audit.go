package queue

import (
	"context"
	"fmt"
	"time"

	"github.com/eventagg/eventagg/pkg/store/audit"
)

// Auditable is the part of a queue that an audit reads.
type Auditable interface {
	Size(ctx context.Context) (Size, error)
	LowWatermark(ctx context.Context) (time.Time, error)
	DeadLetters(ctx context.Context, after string, limit int) ([]DeadLetter, error)
	// Working reports whether a worker has read the queue in the last seconds.
	Working(ctx context.Context) (bool, error)
}

const (
	// orphanAfter is the time after which a worker must have forgotten a delivery that
	// the queue has finished. It does so after [forgetMargin] and some minutes.
	orphanAfter = time.Hour
	// clockMargin is the difference of clocks that is no sign of damage.
	clockMargin = time.Hour
	// letterPage is the number of dead letters read at a time. Each can have a large
	// event.
	letterPage = 100
)

// AuditChecks returns the checks of a queue: its dead letters, and the deliveries that the
// store of its workers remembers.
func AuditChecks(q Auditable, remembered audit.Deliveries) []audit.Check {
	return []audit.Check{
		{Name: "deliveries", Title: "the remembered deliveries are those that the queue may bring again", Next: func(ctx context.Context, after string, limit int) (audit.Page, error) {
			return auditDeliveries(ctx, q, remembered, after, limit)
		}},
		{Name: "dead letters", Title: "the counter of dead letters is their number, and each can be read", Next: func(ctx context.Context, after string, _ int) (audit.Page, error) {
			return auditDeadLetters(ctx, q, after)
		}},
	}
}

// auditDeliveries looks for remembered deliveries that no worker will ever forget: from
// the future, or finished so long ago that a worker had to forget them.
func auditDeliveries(ctx context.Context, q Auditable, remembered audit.Deliveries, after string, limit int) (page audit.Page, err error) {
	watermark, err := q.LowWatermark(ctx) // before the deliveries are read, so that it is not too late
	if err != nil {
		return page, err
	}
	working, err := q.Working(ctx)
	if err != nil {
		return page, err
	}
	all, err := remembered.Deliveries(ctx, after, limit)
	if err != nil {
		return page, err
	}
	latest := time.Now()
	if watermark.After(latest) {
		latest = watermark
	}
	old := 0
	for _, d := range all {
		page.Rows++
		var detail string
		switch {
		case d.QueuedAt.After(latest.Add(clockMargin)):
			detail = "it was queued in the future"
		case watermark.IsZero() || !d.QueuedAt.Before(watermark.Add(-orphanAfter)):
			continue
		case !working:
			old++
			continue
		default:
			detail = "the queue has finished it long ago; a worker forgets it within 20 minutes of its start"
		}
		page.Found = append(page.Found, audit.Difference{Kind: audit.OrphanDelivery,
			Detail: fmt.Sprintf("delivery %s, queued at %s: %s", d.ID, d.QueuedAt.UTC().Format(time.RFC3339), detail)})
	}
	if old > 0 {
		page.Notes = append(page.Notes, fmt.Sprintf("%d deliveries are remembered that the queue has finished long ago; no worker runs that would forget them", old))
	}
	if len(all) > 0 && len(all) >= limit {
		page.Next = all[len(all)-1].ID
	}
	return page, nil
}

// letterPosition is a position in the order of dead letters.
type letterPosition struct {
	After   string `json:"after"`
	Count   int64  `json:"count"`   // up to there
	Counter int64  `json:"counter"` // at the beginning
}

// auditDeadLetters compares the number of dead letters with the counter.
func auditDeadLetters(ctx context.Context, q Auditable, after string) (page audit.Page, err error) {
	var at letterPosition
	if err := audit.Decode(after, &at); err != nil {
		return page, err
	}
	if after == "" {
		size, err := q.Size(ctx)
		if err != nil {
			return page, err
		}
		at.Counter = size.DeadLetters
	}
	letters, err := q.DeadLetters(ctx, at.After, letterPage)
	if err != nil {
		return page, err
	}
	for _, l := range letters {
		if l.Text != "" {
			page.Found = append(page.Found, audit.Difference{Kind: audit.DeadLetterBroken, Detail: fmt.Sprintf("dead letter %s can't be read as an event", l.ID)})
		}
	}
	page.Rows = int64(len(letters))
	at.Count += page.Rows
	if len(letters) == letterPage {
		at.After = letters[len(letters)-1].ID
		page.Next = audit.Encode(at)
		return page, nil
	}
	size, err := q.Size(ctx)
	if err != nil {
		return page, err
	}
	// Dead letters that come or go meanwhile make no difference.
	if size.DeadLetters == at.Counter && at.Counter != at.Count {
		page.Found = append(page.Found, audit.Difference{Kind: audit.DeadLetterBroken,
			Detail: fmt.Sprintf("the counter says %d dead letters, there are %d", size.DeadLetters, at.Count)})
	}
	return page, nil
}
