package postgres

import (
	"context"
	"fmt"
	"math"

	"github.com/eventagg/eventagg/pkg/store/audit"
)

// topicsPerPage bounds the time of a page of topics. Each can have many identities.
const topicsPerPage = 100

// topics compares the counters of topics with their identities and events.
func (a *Audit) topics(ctx context.Context, after string, limit int) (page audit.Page, err error) {
	begin := int32(math.MinInt32)
	if err := audit.Decode(after, &begin); err != nil {
		return page, err
	}
	limit = min(limit, topicsPerPage)
	var (
		at                            int32
		topic                         string
		stored, duplicates, conflicts int64
		seenInOrder                   bool
		identities, events, logged    int64
		kept                          *int64 // nil if retention has dropped nothing
	)
	err = a.page(ctx, "topics", []any{begin, limit}, func() { page = audit.Page{} },
		[]any{&at, &topic, &stored, &duplicates, &conflicts, &seenInOrder, &identities, &kept, &events, &logged}, func() error {
			page.Rows++
			add := func(format string, arguments ...any) {
				page.Found = append(page.Found, audit.Difference{Kind: audit.CounterDiffers, Topic: topic, Detail: fmt.Sprintf(format, arguments...)})
			}
			switch {
			case kept == nil && stored != identities, kept != nil && stored < identities:
				add("the counter says %d stored events, there are %d identities", stored, identities)
			case kept != nil && *kept != events:
				add("there are %d identities and %d events that retention has not dropped", *kept, events)
			}
			if events != logged {
				add("the log of transactions has %d events, there are %d", logged, events)
			}
			if duplicates < 0 || conflicts < 0 || conflicts > duplicates {
				add("%d conflicts of %d duplicates are not possible", conflicts, duplicates)
			}
			if !seenInOrder {
				add("first_seen is after last_seen")
			}
			return nil
		})
	if page.Rows >= int64(limit) {
		page.Next = audit.Encode(at)
	}
	return page, err
}

// totals compares the totals with the sums over the topics.
func (a *Audit) totals(ctx context.Context, _ string, _ int) (page audit.Page, err error) {
	var total, sum struct{ stored, duplicates, conflicts, topics int64 }
	var locks, repeats, unknown int64
	add := func(format string, arguments ...any) {
		page.Found = append(page.Found, audit.Difference{Kind: audit.CounterDiffers, Detail: fmt.Sprintf(format, arguments...)})
	}
	err = a.page(ctx, "totals", nil, func() { page = audit.Page{} }, []any{
		&total.stored, &total.duplicates, &total.conflicts, &total.topics, &sum.stored, &sum.duplicates, &sum.conflicts, &sum.topics,
		&locks, &repeats, &unknown,
	}, func() error {
		page.Rows++
		for _, c := range []struct {
			name       string
			total, sum int64
		}{
			{"stored events", total.stored, sum.stored}, {"duplicates", total.duplicates, sum.duplicates},
			{"conflicts", total.conflicts, sum.conflicts}, {"topics", total.topics, sum.topics},
		} {
			if c.total != c.sum {
				add("the total says %d %s, the topics have %d", c.total, c.name, c.sum)
			}
		}
		if locks > 0 {
			add("%d locks have no pointer in folded: what they log is not counted", locks)
		}
		if repeats > 0 {
			add("%d rows of repeats are before the pointers in folded: they are not counted", repeats)
		}
		if unknown > 0 {
			add("%d rows of totals are of unknown topics", unknown)
		}
		return nil
	})
	if err == nil && page.Rows != 1 {
		add("the table sums has no row")
	}
	return page, err
}
