package postgres

import (
	"slices"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/store/audit"
)

func TestAuditedCommit_Problems(t *testing.T) {
	t.Parallel()
	shard, other := int16(3), int16(4)
	tick, next, base, events := int64(7), int64(8), int64(20), int64(2)
	now := time.Now()
	later := now.Add(time.Second)
	whole := auditedCommit{
		number: 30, shard: shard, created: now, stored: 2, afterTick: 6, shardOfTopic: &shard, events: &events,
		tick: &tick, tickBase: &base, oldest: &now, newest: &now, reached: 30, lastTick: 9,
	}
	for name, c := range map[string]struct {
		change       func(c, before *auditedCommit)
		sameAsBefore bool // the row before is of the same transaction, in another shard
		want         []audit.Kind
	}{
		"a transaction in one tick":                    {change: func(_, _ *auditedCommit) {}},
		"a transaction in two shards":                  {change: func(_, _ *auditedCommit) {}, sameAsBefore: true},
		"a transaction in no tick yet":                 {change: func(c, _ *auditedCommit) { c.tick, c.reached = nil, 29 }},
		"a number before the end of the ticks in none": {change: func(c, _ *auditedCommit) { c.tick = nil }, want: []audit.Kind{audit.OrderDiffers}},
		"a tick that begins after the transaction":     {change: func(c, _ *auditedCommit) { c.tickBase = &c.number }, want: []audit.Kind{audit.OrderDiffers}},
		"a time outside of those of the tick":          {change: func(c, _ *auditedCommit) { c.created = later }, want: []audit.Kind{audit.OrderDiffers}},
		"a tick with a part of a transaction":          {change: func(c, _ *auditedCommit) { c.tick, c.reached = nil, 29 }, sameAsBefore: true, want: []audit.Kind{audit.OrderDiffers}},
		"a transaction in two ticks":                   {change: func(_, before *auditedCommit) { before.tick = &next }, sameAsBefore: true, want: []audit.Kind{audit.OrderDiffers}},
		"two transactions with one number":             {change: func(_, before *auditedCommit) { before.base = 1 << 20 }, sameAsBefore: true, want: []audit.Kind{audit.NumberTwice}},
		"a last tick that is missing":                  {change: func(c, _ *auditedCommit) { c.tick, c.reached, c.lastTick = nil, 0, 5 }, want: []audit.Kind{audit.OrderDiffers}},
		"a topic of another shard":                     {change: func(c, _ *auditedCommit) { c.shardOfTopic = &other }, want: []audit.Kind{audit.OrderDiffers}},
		"a topic that is not in the dictionary":        {change: func(c, _ *auditedCommit) { c.shardOfTopic = nil }, want: []audit.Kind{audit.UnknownTopic}},
		"fewer events than were stored":                {change: func(c, _ *auditedCommit) { c.stored = 3 }, want: []audit.Kind{audit.CommitDiffers}},
		"events that retention has dropped":            {change: func(c, _ *auditedCommit) { c.events = nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row, before := whole, auditedCommit{}
			if c.sameAsBefore {
				before = whole
				before.shard, before.shardOfTopic = other, &other
			}
			c.change(&row, &before)
			var got []audit.Kind
			row.problems(&before, func(kind audit.Kind, _ string) { got = append(got, kind) })
			if !slices.Equal(got, c.want) {
				t.Errorf("reported %v, want %v", got, c.want)
			}
		})
	}
}
