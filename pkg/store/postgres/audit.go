package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/eventagg/eventagg/pkg/event/digest"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/pkg/store/audit"
	"github.com/eventagg/eventagg/sql"
)

// Audit is an [audit.Source] of a database. Create one with [OpenAudit]. It is not safe
// for concurrent use.
type Audit struct {
	db      *Store // with readers only
	digests digest.Computer
	queries map[string]string
	names   map[int32]string // of the topics that differences name
}

var _ audit.Source = (*Audit)(nil)

// OpenAudit connects to a database for reading. The server may be a standby. It uses the
// options URL, Schema and Pooled.
func OpenAudit(ctx context.Context, options Options) (*Audit, error) {
	a := &Audit{db: &Store{pooled: options.Pooled}, queries: map[string]string{}, names: map[int32]string{}}
	var err error
	if a.db.queries, err = loadQueries(""); err != nil {
		return nil, err
	}
	const connections = 1
	if a.db.readers, err = openPoolOf(ctx, options, connections, a.db.queries.readerSession, anyServer, nil); err != nil {
		return nil, err
	}
	if err := a.connect(ctx, options.Schema); err != nil {
		a.db.readers.Close()
		return nil, err
	}
	return a, nil
}

// connect finds the tables, and fails if they are of another version.
func (a *Audit) connect(ctx context.Context, schema string) error {
	if err := a.db.useSchema(ctx, schema); err != nil {
		return err
	}
	var found readiness
	if err := a.db.readers.QueryRow(ctx, a.db.queries.ready).Scan(found.columns()...); err != nil {
		return translate(ctx, err, "read the state of the database")
	}
	if !found.migrated {
		return fmt.Errorf("the database lacks the tables of this version; run `eventagg migrate`: %w", store.ErrUnavailable)
	}
	for _, name := range []string{"bound", "sizes", "identities", "events", "partitions", "partition", "commits", "ticks", "topics", "totals", "reports", "deliveries", "topic_name"} {
		text, err := sql.Files.ReadFile("postgres/queries/audit_" + name + ".sql")
		if err != nil {
			return fmt.Errorf("read the statement audit_%s: %w", name, err)
		}
		a.queries[name] = sql.InSchema(string(text), a.db.schema)
	}
	return nil
}

// Close implements [audit.Source].
func (a *Audit) Close() error {
	a.db.readers.Close()
	return nil
}

// anyServer accepts a primary and a standby.
func anyServer(context.Context, *pgconn.PgConn) error { return nil }

// auditAttempts is the maximum number of attempts of a page. A standby ends a query that
// reads what the primary has removed meanwhile.
const auditAttempts = 5

// locked reports whether a query ended because it waited for a lock, for example while
// retention drops a partition.
func locked(err error) bool {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	return ok && refused.Code == lockNotAvailable
}

// page runs a query in a snapshot of its own, and calls each for every row. It calls
// reset before each attempt.
func (a *Audit) page(ctx context.Context, query string, arguments []any, reset func(), targets []any, each func() error) error {
	var err error
	for range auditAttempts {
		reset()
		_, err = withReader(ctx, a.db, func(from reader) (struct{}, error) {
			rows, _ := from.Query(ctx, a.queries[query], arguments...) // ForEachRow returns the error
			_, err := pgx.ForEachRow(rows, targets, each)
			return struct{}{}, err
		})
		if err == nil || !rolledBack(err) && !locked(err) {
			break
		}
	}
	if err != nil {
		return translate(ctx, err, "audit the "+query)
	}
	return nil
}

// one reads one row.
func (a *Audit) one(ctx context.Context, query string, arguments []any, targets ...any) error {
	return a.page(ctx, query, arguments, func() {}, targets, func() error { return nil })
}

// auditBound bounds what an audit covers.
type auditBound struct {
	Tick   int64     `json:"tick"`
	Commit int64     `json:"commit"`
	Time   time.Time `json:"time"`
}

// Start implements [audit.Source].
func (a *Audit) Start(ctx context.Context) (string, error) {
	var bound auditBound
	err := a.one(ctx, "bound", nil, &bound.Tick, &bound.Commit, &bound.Time)
	return audit.Encode(bound), err
}

// sizes are about how many rows an audit checks.
type sizes struct{ events, topics, ticks int64 }

func (a *Audit) sizes(ctx context.Context) (s sizes, err error) {
	return s, a.one(ctx, "sizes", nil, &s.events, &s.topics, &s.ticks)
}

// Deliveries implements [audit.Deliveries].
func (a *Audit) Deliveries(ctx context.Context, after string, limit int) ([]audit.Delivery, error) {
	var all []audit.Delivery
	var d audit.Delivery
	err := a.page(ctx, "deliveries", []any{after, limit}, func() { all = all[:0] }, []any{&d.ID, &d.QueuedAt}, func() error {
		all = append(all, d)
		return nil
	})
	return all, err
}
