package sqlite

import (
	"context"
	stdsql "database/sql"
	"encoding/json"
	"fmt"

	"github.com/eventagg/eventagg/pkg/duplicates"
	"github.com/eventagg/eventagg/pkg/store"
)

// Duplicates implements [store.DuplicateReader].
func (s *Store) Duplicates(ctx context.Context, query store.DuplicateQuery) ([]store.DuplicateReport, error) {
	return call(ctx, s, "read the reports of duplicates", func() ([]store.DuplicateReport, error) {
		s.reports.FlushBeforeRead(ctx)
		var topic, lastSeen, afterKey any
		if query.Topic != "" {
			topic = query.Topic
		}
		if after := query.After; after.Topic != "" {
			lastSeen, afterKey = after.LastSeen.UnixMicro(), storedKey(after.ID)
		}
		limit := -1
		if query.Limit > 0 {
			limit = query.Limit
		}
		rows, err := s.read.duplicates.QueryContext(ctx, topic, query.Conflicts, lastSeen, query.After.Topic, afterKey, limit)
		return collect(rows, err, scanReport)
	})
}

// UnreportedDuplicates returns the number of duplicates that no report counts, because a
// limit of memory was reached.
func (s *Store) UnreportedDuplicates() int64 { return s.reports.Dropped() }

func scanReport(from row) (store.DuplicateReport, error) {
	var (
		r                  store.DuplicateReport
		key                any
		first, last        int64
		sources, differing []byte
	)
	if err := from.Scan(&r.Topic, &key, &r.Repeats, &r.Conflicts, &first, &last, &sources, &differing); err != nil {
		return r, err
	}
	r.FirstSeen, r.LastSeen = timeOf(first), timeOf(last)
	for text, list := range map[*[]byte]*[]string{&sources: &r.Sources, &differing: &r.Differing} {
		if err := json.Unmarshal(*text, list); err != nil {
			return r, fmt.Errorf("read a list of a report: %w", err)
		}
	}
	var err error
	r.ID, err = keyText(key)
	return r, err
}

// reportTarget is the [duplicates.Target] of a store.
type reportTarget struct{ store *Store }

// WriteReports implements [duplicates.Target].
func (t reportTarget) WriteReports(ctx context.Context, reports []store.DuplicateReport) error {
	return t.store.transact(ctx, func(tx *transaction) error {
		statements := tx.statements.writeReports.inTransaction(tx.ctx, tx.tx)
		defer statements.close()
		return statements.forRows(len(reports), func(block *stdsql.Stmt, from, to int) error {
			const columns = 8
			arguments := make([]any, 0, columns*(to-from))
			for _, r := range reports[from:to] {
				arguments = append(arguments, r.Topic, storedKey(r.ID), r.Repeats, r.Conflicts,
					r.FirstSeen.UnixMicro(), r.LastSeen.UnixMicro(), duplicates.JSONList(r.Sources), duplicates.JSONList(r.Differing))
			}
			_, err := run(tx.ctx, block, arguments...)
			return err
		})
	})
}

// PruneReports implements [duplicates.Target].
func (t reportTarget) PruneReports(ctx context.Context, perTopic, total int) error {
	return t.store.transact(ctx, func(tx *transaction) error {
		prune := tx.tx.StmtContext(tx.ctx, tx.statements.pruneReports)
		defer func() { _ = prune.Close() }()
		_, err := run(tx.ctx, prune, perTopic, total)
		return err
	})
}
