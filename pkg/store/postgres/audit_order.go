package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/eventagg/eventagg/pkg/store/audit"
)

// auditedCommit is a row of audit_commits.sql.
type auditedCommit struct {
	number         int64
	shard          int16
	topic          int32
	created        time.Time
	base           int32
	stored         int32
	afterTick      int64
	shardOfTopic   *int16
	events         *int64 // nil if retention has dropped them
	tick, tickBase *int64 // nil if no tick has the number
	oldest, newest *time.Time
	reached        int64 // last number of the shard in a tick
	lastTick       int64
}

func (c *auditedCommit) columns() []any {
	return []any{&c.number, &c.shard, &c.topic, &c.created, &c.base, &c.stored, &c.afterTick, &c.shardOfTopic, &c.events,
		&c.tick, &c.tickBase, &c.oldest, &c.newest, &c.reached, &c.lastTick}
}

// inTick returns the tick that has the row, or 0 if none has it.
func (c *auditedCommit) inTick() int64 {
	if c.tick == nil || *c.tickBase >= c.number {
		return 0
	}
	return *c.tick
}

// numbersPerPage is the number of transactions in a page of commits. Each can have many
// topics.
const numbersPerPage = 1000

// commits compares the log of transactions with the events and the ticks.
func (a *Audit) commits(ctx context.Context, after string, bound auditBound, limit int) (page audit.Page, err error) {
	var from int64
	if err := audit.Decode(after, &from); err != nil {
		return page, err
	}
	to := min(from+int64(min(limit, numbersPerPage)), bound.Commit)
	var c, before auditedCommit
	var found []located
	err = a.page(ctx, "commits", []any{from, to}, func() { page, found, before = audit.Page{}, nil, auditedCommit{} }, c.columns(), func() error {
		page.Rows++
		c.problems(&before, func(kind audit.Kind, detail string) {
			found = append(found, located{c.topic, nil, kind, fmt.Sprintf("the transaction %d in shard %d: %s", c.number, c.shard, detail)})
		})
		before = c
		return nil
	})
	if err != nil {
		return page, err
	}
	if to < bound.Commit {
		page.Next = audit.Encode(to)
	}
	err = a.locate(ctx, &page, found)
	return page, err
}

// problems reports what is wrong with a row of the log. Before is the row before it in the
// order of the numbers.
func (c *auditedCommit) problems(before *auditedCommit, report func(audit.Kind, string)) {
	switch {
	case c.shardOfTopic == nil:
		report(audit.UnknownTopic, fmt.Sprintf("no topic has the number %d", c.topic))
	case *c.shardOfTopic != c.shard:
		report(audit.OrderDiffers, fmt.Sprintf("its topic belongs to shard %d", *c.shardOfTopic))
	}
	switch {
	case c.number != before.number:
	case !c.created.Equal(before.created) || c.base != before.base:
		report(audit.NumberTwice, "another transaction has this number, too")
	case c.inTick() != before.inTick(): // a snapshot shows all of a transaction or nothing
		report(audit.OrderDiffers, fmt.Sprintf("it is in tick %d, and in tick %d in shard %d (0: in none)", c.inTick(), before.inTick(), before.shard))
	}
	if c.events != nil && *c.events != int64(c.stored) {
		report(audit.CommitDiffers, fmt.Sprintf("it has stored %d events, there are %d", c.stored, *c.events))
	}
	switch {
	case c.afterTick > c.lastTick:
		report(audit.OrderDiffers, fmt.Sprintf("it was stored after tick %d, and the last one is %d", c.afterTick, c.lastTick))
	case c.tick == nil && c.number > c.reached: // it is in no tick yet
	case c.tick == nil:
		report(audit.OrderDiffers, fmt.Sprintf("no tick after %d has it", c.afterTick))
	case *c.tickBase >= c.number:
		report(audit.OrderDiffers, fmt.Sprintf("it must be in a tick after %d, and tick %d begins after it", c.afterTick, *c.tick))
	case c.created.Before(*c.oldest) || c.created.After(*c.newest):
		report(audit.OrderDiffers, fmt.Sprintf("its time is outside of the times of its tick %d", *c.tick))
	}
}

// tickPosition is a position in the order of ticks, with the last number of each shard
// up to there.
type tickPosition struct {
	Tick  int64           `json:"t"`
	Heads map[int16]int64 `json:"h"`
	// Complete is set if Heads has all shards: the audit began with the first tick.
	Complete bool `json:"c"`
}

// auditedTick is a row of audit_ticks.sql.
type auditedTick struct {
	number         int64
	fingerprint    int32
	oldest, newest time.Time
	shards         []int16
	bases, heads   []int64
	first, last    *time.Time // of the transactions in it; nil if it has none
	unknown        []int64    // heads that are no number of a transaction
	allShards      int
	logTick        int64 // retention has deleted the log of the ticks before it
}

func (t *auditedTick) columns() []any {
	return []any{&t.number, &t.fingerprint, &t.oldest, &t.newest, &t.shards, &t.bases, &t.heads, &t.first, &t.last, &t.unknown, &t.allShards, &t.logTick}
}

// fullTick is the interval of ticks that have all shards.
const fullTick = 64

// ticks checks that each tick continues where the ticks before it ended, so that each
// transaction is in exactly one of them.
func (a *Audit) ticks(ctx context.Context, after string, bound auditBound, limit int) (page audit.Page, err error) {
	begin := tickPosition{Heads: map[int16]int64{}}
	if err := audit.Decode(after, &begin); err != nil {
		return page, err
	}
	var at tickPosition
	var t auditedTick
	reset := func() {
		page = audit.Page{}
		at = tickPosition{Tick: begin.Tick, Heads: maps.Clone(begin.Heads), Complete: begin.Complete}
	}
	err = a.page(ctx, "ticks", []any{begin.Tick, bound.Tick, limit}, reset, t.columns(), func() error {
		page.Rows++
		t.problems(&at, func(detail string) {
			page.Found = append(page.Found, audit.Difference{Kind: audit.OrderDiffers, Detail: fmt.Sprintf("tick %d: %s", t.number, detail)})
		})
		return nil
	})
	if page.Rows >= int64(limit) {
		page.Next = audit.Encode(at)
	}
	return page, err
}

// problems reports what is wrong with a tick after a position, and moves the position
// behind it.
func (t *auditedTick) problems(at *tickPosition, report func(detail string)) {
	// Retention deletes ticks up to one that has all shards.
	first := max(1, (t.logTick-1)/fullTick*fullTick)
	switch {
	case t.number == first:
		*at = tickPosition{Heads: map[int16]int64{}, Complete: first == 1}
	case at.Tick == 0:
		report(fmt.Sprintf("it is the first one, and %d is missing", first))
	case t.number != at.Tick+1:
		report(fmt.Sprintf("the tick before it is %d", at.Tick))
	}
	at.Tick = t.number
	if t.fingerprint <= 0 {
		report(fmt.Sprintf("invalid fingerprint %d", t.fingerprint))
	}
	if len(t.bases) != len(t.shards) || len(t.heads) != len(t.shards) {
		report(fmt.Sprintf("it has %d shards, %d bases and %d heads", len(t.shards), len(t.bases), len(t.heads)))
		return
	}
	if t.number%fullTick == 0 && len(t.shards) != t.allShards {
		report(fmt.Sprintf("it has %d shards, and must have all %d", len(t.shards), t.allShards))
	}
	for i, shard := range t.shards {
		head, known := at.Heads[shard]
		if (known || at.Complete) && t.bases[i] != head {
			report(fmt.Sprintf("it begins after %d in shard %d, and the ticks before it end with %d", t.bases[i], shard, head))
		}
		if t.heads[i] < t.bases[i] || t.heads[i] == t.bases[i] && t.number%fullTick != 0 {
			report(fmt.Sprintf("it begins after %d in shard %d and ends with %d", t.bases[i], shard, t.heads[i]))
		}
		if slices.Contains(t.shards[:i], shard) {
			report(fmt.Sprintf("it has shard %d twice", shard))
		}
		at.Heads[shard] = t.heads[i]
	}
	if t.number < t.logTick {
		return // its transactions were deleted with their events
	}
	if len(t.unknown) > 0 {
		report(fmt.Sprintf("it ends with %d, which no transaction of the shard has", t.unknown[0]))
	}
	switch {
	case t.first == nil:
		report("no transaction is in it")
	case !t.first.Equal(t.oldest) || !t.last.Equal(t.newest):
		report(fmt.Sprintf("its times are %s to %s, those of its transactions %s to %s", t.oldest.UTC().Format(time.RFC3339Nano),
			t.newest.UTC().Format(time.RFC3339Nano), t.first.UTC().Format(time.RFC3339Nano), t.last.UTC().Format(time.RFC3339Nano)))
	}
}
