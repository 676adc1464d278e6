package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/eventagg/eventagg/pkg/duplicates"
	"github.com/eventagg/eventagg/pkg/store"
)

// Duplicates implements [store.DuplicateReader].
func (s *Store) Duplicates(ctx context.Context, query store.DuplicateQuery) ([]store.DuplicateReport, error) {
	return call(ctx, s, "read the reports of duplicates", func() ([]store.DuplicateReport, error) {
		s.reports.FlushBeforeRead(ctx)
		return withReader(ctx, s, func(r reader) ([]store.DuplicateReport, error) {
			var lastSeen, limit any
			if query.After.Topic != "" {
				lastSeen = query.After.LastSeen
			}
			if query.Limit > 0 {
				limit = query.Limit
			}
			rows, _ := r.Query(ctx, s.queries.duplicates, orNull(query.Topic), query.Conflicts, // CollectRows returns the error
				lastSeen, query.After.Topic, appendKey(nil, query.After.ID), limit)
			return pgx.CollectRows(rows, scanReport)
		})
	})
}

// UnreportedDuplicates returns the number of duplicates that no report counts, because a
// limit of memory was reached.
func (s *Store) UnreportedDuplicates() int64 { return s.reports.Dropped() }

func scanReport(row pgx.CollectableRow) (store.DuplicateReport, error) {
	var r store.DuplicateReport
	var key []byte
	if err := row.Scan(&r.Topic, &key, &r.Repeats, &r.Conflicts, &r.FirstSeen, &r.LastSeen, &r.Sources, &r.Differing); err != nil {
		return r, err
	}
	r.FirstSeen, r.LastSeen = r.FirstSeen.UTC(), r.LastSeen.UTC()
	var err error
	r.ID, err = keyText(key)
	return r, err
}

// reportTarget is the [duplicates.Target] of a store. It uses connections for reading,
// so that appends never wait for one, and does not wait for the disk.
type reportTarget struct{ store *Store }

// WriteReports implements [duplicates.Target].
func (t reportTarget) WriteReports(ctx context.Context, reports []store.DuplicateReport) error {
	count := len(reports)
	topics, keys := make([]string, count), make([][]byte, count)
	repeats, conflicts, firstAge, lastAge := make([]int64, count), make([]int64, count), make([]int64, count), make([]int64, count)
	sources, differing := make([]string, count), make([]string, count)
	now := time.Now()
	for i := range reports {
		r := &reports[i]
		topics[i], keys[i] = r.Topic, appendKey(nil, r.ID)
		repeats[i], conflicts[i] = r.Repeats, r.Conflicts
		firstAge[i], lastAge[i] = now.Sub(r.FirstSeen).Microseconds(), now.Sub(r.LastSeen).Microseconds()
		sources[i], differing[i] = duplicates.JSONList(r.Sources), duplicates.JSONList(r.Differing)
	}
	return t.exec(ctx, t.store.queries.duplicatesWrite, topics, keys, repeats, conflicts, firstAge, lastAge, sources, differing)
}

// PruneReports implements [duplicates.Target].
func (t reportTarget) PruneReports(ctx context.Context, perTopic, total int) error {
	return t.exec(ctx, t.store.queries.duplicatesPrune, perTopic, total)
}

// exec runs a statement in a transaction whose COMMIT does not wait for the disk.
func (t reportTarget) exec(ctx context.Context, statement string, arguments ...any) error {
	tx, err := t.store.readers.BeginTx(ctx, pgx.TxOptions{BeginQuery: t.store.queries.writerBegin})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }()
	if _, err := tx.Exec(ctx, "SET LOCAL synchronous_commit = off"); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, statement, arguments...); err != nil {
		return err
	}
	return tx.Commit(ctx)
}
