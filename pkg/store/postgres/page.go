package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/store"
)

// firstStep is how many events are asked for before their size is known. Closing
// rows reads whatever the server still sends, so an answer that is cut off costs
// all of it; this many of the largest events cost the time of some pages.
const firstStep = 32

// records reads the events of a query up to limit or [store.PageBytes], and
// whether there are more. The query's first arguments are the position to go on
// from, in two parts, and how many events it is to return. It is asked in steps,
// the first of them short and each further one as long as events of the size so
// far have room for; most pages are one step or two. With the first of them goes
// the question whether the position check is one of this data.
func (s *Store) records(ctx context.Context, attempt, query string, arguments []any, limit int, check store.Position) ([]store.Record, bool, error) {
	if err := s.enter(attempt); err != nil {
		return nil, false, err
	}
	defer s.life.RUnlock()
	p := page{limit: limit}
	for step := firstStep; ; step = p.room() {
		step = min(step, limit+1-len(p.records))
		arguments[2] = step
		found, err := s.takeStep(ctx, &p, check, query, arguments)
		if errors.Is(err, store.ErrForeignPosition) {
			return nil, false, fmt.Errorf("%s: %w", attempt, err)
		}
		if err != nil {
			return nil, false, translate(ctx, err, attempt)
		}
		check = store.Position{}
		if p.more || found < step {
			return p.records, p.more, nil
		}
		last := p.records[len(p.records)-1].Position
		arguments[0], arguments[1] = last.Commit, last.Seq
	}
}

// takeStep asks for the next rows and takes them. A position to check is asked
// for in the same round trip.
func (s *Store) takeStep(ctx context.Context, p *page, check store.Position, query string, arguments []any) (added int, err error) {
	if check.Fingerprint == 0 {
		rows, err := s.readers.Query(ctx, query, arguments...)
		if err != nil {
			return 0, err
		}
		return p.take(rows)
	}
	var batch pgx.Batch
	batch.Queue(s.queries.mark, check.Commit, check.Seq)
	batch.Queue(query, arguments...)
	results := s.readers.SendBatch(ctx, &batch)
	defer func() { err = cmp.Or(err, results.Close()) }()
	var created *time.Time
	if err := results.QueryRow().Scan(&created); err != nil {
		return 0, err
	}
	if err := check.Check(mark(created)); err != nil {
		return 0, err
	}
	rows, err := results.Query()
	if err != nil {
		return 0, err
	}
	return p.take(rows)
}

// page is an answer under way.
type page struct {
	limit   int
	records []store.Record
	size    int
	more    bool
}

// take adds rows until the page is full, and returns how many it added.
func (p *page) take(rows pgx.Rows) (added int, err error) {
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

// room is how many more events like those so far the page has room for, and one
// to know whether there are more.
func (p *page) room() int {
	return max(0, store.PageBytes-p.size)*len(p.records)/p.size + 1
}
