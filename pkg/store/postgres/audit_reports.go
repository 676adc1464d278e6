package postgres

import (
	"context"
	"math"

	"github.com/eventagg/eventagg/pkg/store/audit"
)

// reports checks the reports of duplicates.
func (a *Audit) reports(ctx context.Context, after string, limit int) (page audit.Page, err error) {
	begin := identityPosition{Topic: math.MinInt32, Key: []byte{}}
	if err := audit.Decode(after, &begin); err != nil {
		return page, err
	}
	at := begin
	var repeats, conflicts int64
	var inOrder, hasTopic, hasIdentity bool
	var found []located
	err = a.page(ctx, "reports", []any{begin.Topic, begin.Key, limit}, func() { page, found = audit.Page{}, nil },
		[]any{&at.Topic, &at.Key, &repeats, &conflicts, &inOrder, &hasTopic, &hasIdentity}, func() error {
			page.Rows++
			if detail := audit.ReportProblem(repeats, conflicts, inOrder, hasTopic, hasIdentity); detail != "" {
				found = append(found, located{topic: at.Topic, key: at.Key, kind: audit.ReportDiffers, detail: detail})
			}
			return nil
		})
	if err != nil {
		return page, err
	}
	if page.Rows >= int64(limit) {
		page.Next = audit.Encode(at)
	}
	err = a.locate(ctx, &page, found)
	return page, err
}
