package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/store"
)

// fillByID reads a page of the events with one ID. Each topic has at most one.
func (s *Store) fillByID(ctx context.Context, r reader, p *page, last head) error {
	query := s.queries.newerByID
	if p.older {
		query = s.queries.olderByID
	}
	filter := p.filter
	for !p.more {
		step := p.room()
		rows, err := r.Query(ctx, query, appendKey(nil, filter.ID), orNull(filter.Topic), p.from.Tick, p.from.Commit, p.from.Seq, last.number,
			orNull(filter.Source), orNull(filter.Since), orNull(filter.Until), step)
		if err != nil {
			return err
		}
		added, err := p.addByID(rows)
		if err != nil || added < step {
			return err
		}
		p.from = p.records[len(p.records)-1].Position
	}
	return nil
}

// addByID adds rows to the page until it is full, and returns how many it added.
func (p *page) addByID(rows pgx.Rows) (added int, err error) {
	defer rows.Close()
	for ; rows.Next(); added++ {
		if p.full() {
			p.more = true
			break
		}
		var (
			record      store.Record
			key         []byte
			fingerprint int32
		)
		at := &record.Position
		if err := rows.Scan(&at.Tick, &fingerprint, &at.Commit, &at.Seq, &record.CreatedAt, &record.Timestamp, &record.Topic, &key, &record.Source, &record.Payload); err != nil {
			return added, err
		}
		if record.ID, err = keyText(key); err != nil {
			return added, err
		}
		at.Fingerprint = uint32(fingerprint)
		record.CreatedAt, record.Timestamp = record.CreatedAt.UTC(), record.Timestamp.UTC()
		p.records = append(p.records, record)
		p.size += record.Size()
	}
	rows.Close()
	return added, rows.Err()
}
