package postgres

import (
	"cmp"
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/store"
)

// firstStep is the number of events to request while their size is unknown. An
// early Close of rows still reads everything that the server sends. This number
// of the largest events costs the time of a few pages.
const firstStep = 32

// records reads the events of a query up to limit or [store.PageBytes], and
// reports whether there are more. The query's first three arguments are the
// position to continue from (two values) and the number of events to return.
//
// It runs the query in steps. The first step is short. Each further one is as
// long as the rest of the page has room for, at the average size so far. Most
// pages take one or two steps. The first step also checks in the same round trip
// whether the position check belongs to this data.
func (s *Store) records(ctx context.Context, attempted, query string, arguments []any, limit int, check store.Position) ([]store.Record, bool, error) {
	p, err := read(ctx, s, attempted, func(r reader) (page, error) {
		p := page{limit: limit}
		for step := firstStep; ; step = p.room() {
			step = min(step, limit+1-len(p.records))
			arguments[2] = step
			added, err := s.readStep(ctx, r, &p, check, query, arguments)
			if err != nil || p.more || added < step {
				return p, err
			}
			check = store.Position{}
			last := p.records[len(p.records)-1].Position
			arguments[0], arguments[1] = last.Commit, last.Seq
		}
	})
	return p.records, p.more, err
}

// readStep adds the next rows to the page. It first checks the position, if it has
// a fingerprint.
func (s *Store) readStep(ctx context.Context, r reader, p *page, check store.Position, query string, arguments []any) (added int, err error) {
	if check.Fingerprint == 0 {
		rows, err := r.Query(ctx, query, arguments...)
		if err != nil {
			return 0, err
		}
		return p.add(rows)
	}
	var batch pgx.Batch
	batch.Queue(s.queries.fingerprint, check.Commit, check.Seq)
	batch.Queue(query, arguments...)
	results := r.SendBatch(ctx, &batch)
	defer func() { err = cmp.Or(err, results.Close()) }()
	var created *time.Time
	if err := results.QueryRow().Scan(&created); err != nil {
		return 0, err
	}
	if err := check.Check(fingerprint(created)); err != nil {
		return 0, err
	}
	rows, err := results.Query()
	if err != nil {
		return 0, err
	}
	return p.add(rows)
}

// page is a result that is being read.
type page struct {
	limit   int
	records []store.Record
	size    int
	more    bool
}

// add adds rows until the page is full, and returns how many it added.
func (p *page) add(rows pgx.Rows) (added int, err error) {
	defer rows.Close()
	for rows.Next() {
		if len(p.records) == p.limit || p.size >= store.PageBytes {
			p.more = true
			break
		}
		record, err := scanRecord(rows)
		if err != nil {
			return added, err
		}
		p.records = append(p.records, record)
		p.size += record.Size()
		added++
	}
	rows.Close()
	return added, rows.Err()
}

// room is the number of further events that fit into the page, at the average
// size so far, plus one that shows whether there are more.
func (p *page) room() int {
	return max(0, store.PageBytes-p.size)*len(p.records)/p.size + 1
}
