package storetest_test

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/eventagg/eventagg/pkg/duplicates"
	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/digest"
	"github.com/eventagg/eventagg/pkg/store"
)

// report adds a repeat of a stored event to the reports.
func (d *database) report(stored, repeat *event.Event, conflict bool, now time.Time) {
	added := store.DuplicateReport{Key: repeat.Key(), Repeats: 1, FirstSeen: now, LastSeen: now, Sources: []string{repeat.Source}}
	if conflict {
		added.Conflicts, added.Differing = 1, digest.Differing(stored, repeat, store.MaxReportMembers)
	}
	if report := d.reports[added.Key]; report != nil {
		duplicates.Merge(report, &added)
		return
	}
	d.reports[added.Key] = &added
}

func (m *memory) Duplicates(ctx context.Context, query store.DuplicateQuery) (found []store.DuplicateReport, err error) {
	newestFirst := func(a, b store.DuplicateReport) int {
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), a.Compare(b.Key))
	}
	err = m.do(ctx, func(d *database) error {
		for _, r := range d.reports {
			if (query.Topic == "" || r.Topic == query.Topic) && (r.Conflicts > 0 || !query.Conflicts) &&
				(query.After.Topic == "" || newestFirst(query.After, *r) < 0) {
				found = append(found, *r)
			}
		}
		slices.SortFunc(found, newestFirst)
		if query.Limit > 0 {
			found = found[:min(len(found), query.Limit)]
		}
		return nil
	})
	return found, err
}
