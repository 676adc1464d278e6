package storetest_test

import (
	"context"

	"github.com/eventagg/eventagg/pkg/store"
)

func (m *memory) Retain(ctx context.Context, retention store.Retention) (dropped store.Retained, err error) {
	err = m.do(ctx, func(d *database) error {
		before := d.dropped
		for d.dropped < len(d.records) && d.records[d.dropped].CreatedAt.Before(retention.DataBefore) {
			d.dropped++
		}
		dropped.Events = int64(d.dropped - before)
		for key, i := range d.byKey {
			if i < d.dropped && d.records[i].CreatedAt.Before(retention.IdentitiesBefore) {
				delete(d.byKey, key)
				dropped.Identities++
			}
		}
		return nil
	})
	return dropped, err
}

func (m *memory) Holdings(ctx context.Context, retention store.Retention) (held store.Holdings, err error) {
	err = m.do(ctx, func(d *database) error {
		held.Parts = make([]store.Part, 2)
		held.Parts[0].Droppable = true
		for i, r := range d.records[d.dropped:] {
			part := &held.Parts[1]
			if r.CreatedAt.Before(retention.DataBefore) {
				part = &held.Parts[0]
			}
			if i == 0 {
				held.Oldest = r.CreatedAt
			}
			part.Events, part.Bytes = part.Events+1, part.Bytes+int64(r.Size())
		}
		return nil
	})
	return held, err
}
