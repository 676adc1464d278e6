package postgres

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"golang.org/x/time/rate"

	"github.com/eventagg/eventagg/pkg/duplicates"
	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/sql"
)

// Options configure a Store. The zero value of a field stands for its default.
type Options struct {
	// URL is a postgres:// connection string. It may have every parameter of
	// libpq and pgxpool.
	URL string
	// Schema is the schema of the tables. If it is empty, the store uses the schema
	// that has them, and [Migrate] creates them in the first schema of the role's
	// search path. It must be set if several schemas have tables of eventagg.
	Schema string
	// Writers is the number of connections that append, default 2. Further
	// appends wait for one of them.
	Writers int
	// MaxConns is the maximum number of connections that read, in addition to the
	// writers, default 8.
	MaxConns int
	// Pooled must be set if URL leads to a pooler in transaction mode, such as
	// PgBouncer with pool_mode=transaction. The store then keeps nothing in a
	// session: each transaction sets what it needs, and statements are sent in
	// full each time. This also works without a pooler, but is slower. Without
	// the option, such a pooler breaks the store.
	Pooled bool
	// PartitionWidth is the length of new partitions, default a week. Events are dropped
	// by whole partitions.
	PartitionWidth time.Duration
	// Duplicates configures the reports of duplicates.
	Duplicates duplicates.Options
}

// Store is a [store.Store] on PostgreSQL. Create one with [Open].
type Store struct {
	writers *pgxpool.Pool
	readers *pgxpool.Pool
	queries queries
	columns sync.Pool
	pooled  bool
	schema  string // of the tables

	partitionWidth time.Duration
	opened         bool // Open succeeded: the tables were there

	sessions sessions
	reports  *duplicates.Recorder
	// unreplicated counts the commits that no longer wait for a standby; see onNotice.
	unreplicated atomic.Int64

	tickCalls atomic.Uint64 // calls of lastTick so far
	ticking   chan struct{} // holds a value while a call looks for the last tick
	looked    looked        // the result of the last one; guarded by ticking
	ticks     *rate.Limiter // for new ticks; see maxTicks
	// changed is set if events were received since the last round of maintenance.
	changed atomic.Bool
	// logged is about the number of rows that this instance has added to the logs since
	// it last folded them.
	logged atomic.Int64
	// identityPage is the page of identities that retention reads next.
	identityPage atomic.Int64
	stop         chan struct{} // closed to end maintenance
	maintaining  sync.WaitGroup

	life   sync.RWMutex // held for reading by running calls
	closed bool
}

var _ store.Store = (*Store)(nil)

// WithDefaults returns o with zero fields replaced by defaults.
func (o Options) WithDefaults() Options {
	o.Writers = cmp.Or(o.Writers, 2)
	o.MaxConns = cmp.Or(o.MaxConns, 8)
	o.PartitionWidth = cmp.Or(o.PartitionWidth, defaultWidth)
	o.Duplicates = o.Duplicates.WithDefaults()
	return o
}

// Open connects to a database that [Migrate] has prepared. It fails with
// [store.ErrUnavailable], without waiting, if the database can't be reached or
// lacks the tables.
func Open(ctx context.Context, options Options) (*Store, error) {
	options = options.WithDefaults()
	s := &Store{pooled: options.Pooled, partitionWidth: options.PartitionWidth, ticking: make(chan struct{}, 1), ticks: rate.NewLimiter(maxTicks, maxTicks), stop: make(chan struct{})}
	var err error
	if s.queries, err = loadQueries(""); err != nil {
		return nil, err
	}
	if s.writers, err = openPool(ctx, options, options.Writers, s.queries.writerSession, s.onNotice); err != nil {
		return nil, err
	}
	if s.readers, err = openPool(ctx, options, options.MaxConns, s.queries.readerSession, s.onNotice); err != nil {
		s.writers.Close()
		return nil, err
	}
	if err := s.useSchema(ctx, options.Schema); err != nil {
		s.readers.Close()
		s.writers.Close()
		return nil, err
	}
	if err := s.Ping(ctx); err != nil {
		s.readers.Close()
		s.writers.Close()
		return nil, err
	}
	if s.partitionWidth < defaultWidth {
		_ = s.makePartitions(ctx) // before the first event uses one that is too long; an append makes a missing one
	}
	s.opened = true
	s.reports = duplicates.New(reportTarget{s}, options.Duplicates) //nolint:contextcheck // it ends with Close
	s.changed.Store(true)                                           // by another process, perhaps
	s.maintaining.Go(func() { s.maintain(s.stop) })                 //nolint:contextcheck // it ends with Close
	return s, nil
}

// useSchema makes the statements name the schema of the tables. Before there are
// tables any schema will do: Ping reports that they are missing.
func (s *Store) useSchema(ctx context.Context, configured string) error {
	db := stdlib.OpenDBFromPool(s.readers)
	defer func() { _ = db.Close() }()
	found, err := schemasOf(ctx, db)
	if err != nil {
		return translate(ctx, err, "find the schema")
	}
	schema, err := oneSchema(configured, found)
	if err != nil {
		return err
	}
	s.schema = cmp.Or(schema, "public")
	if set, ok := setIn(s.schema, found); ok {
		if err := set.check(ctx, db); err != nil {
			return err
		}
	}
	s.queries, err = loadQueries(s.schema)
	return err
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.stop)
	s.maintaining.Wait()
	_ = s.reports.Close() // reports are best effort
	s.writers.Close()
	s.readers.Close()
	return nil
}

// enter begins a call. The store stays open until the caller unlocks life, which
// it must do if the error is nil.
func (s *Store) enter(attempted string) error {
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return fmt.Errorf("%s: %w", attempted, store.ErrClosed)
	}
	return nil
}

// call runs one call of the store and translates its error. It fails if the store is
// closed.
func call[T any](ctx context.Context, s *Store, attempted string, run func() (T, error)) (T, error) {
	var none T
	if err := s.enter(attempted); err != nil {
		return none, err
	}
	defer s.life.RUnlock()
	unreplicated := s.unreplicated.Load()
	result, err := run()
	if err == nil && s.unreplicated.Load() != unreplicated {
		err = errUnreplicated
	}
	if err != nil {
		if wrongSession(err) {
			s.resetSessions()
		}
		return none, translate(ctx, err, attempted)
	}
	return result, nil
}

// queries are the statements of sql/postgres/queries.
type queries struct {
	writerSession, readerSession, writerBegin, writerTransaction, ready       string
	readerBegin, probeBegin                                                   string
	addTopics, append, appendOne, contents, countConflicts, stats, topicStats string
	duplicates, duplicatesWrite, duplicatesPrune                              string
	foldLock, fold, unfolded, makePartition, narrowPartitions, dropDetached   string
	lastTick, tickLock, makeTick, tick                                        string
	drops, dropped, droppable, dropPartition, dropLog, dropIdentities         string
	identityPages, holdings, holdingsParts                                    string
	commitsAfter, commitsBefore                                               string
	commitsOfTopicAfter, commitsOfTopicBefore                                 string
	commitOfEvent, event, eventsAfter, eventsBefore                           string
	olderByID, newerByID                                                      string
	remember, known, forget, knownTopics                                      string
}

// loadQueries reads the statements for the tables of a schema.
func loadQueries(schema string) (queries, error) {
	var q queries
	for name, text := range map[string]*string{
		"writer_session": &q.writerSession, "reader_session": &q.readerSession, "ready": &q.ready,
		"writer_begin": &q.writerBegin, "reader_begin": &q.readerBegin, "probe_begin": &q.probeBegin, "writer_transaction": &q.writerTransaction,
		"add_topics": &q.addTopics, "append": &q.append, "append_one": &q.appendOne,
		"contents": &q.contents, "count_conflicts": &q.countConflicts, "stats": &q.stats, "topic_stats": &q.topicStats,
		"duplicates": &q.duplicates, "duplicates_write": &q.duplicatesWrite, "duplicates_prune": &q.duplicatesPrune,
		"fold_lock": &q.foldLock, "fold": &q.fold, "unfolded": &q.unfolded, "make_partition": &q.makePartition, "narrow_partitions": &q.narrowPartitions, "drop_detached": &q.dropDetached,
		"last_tick": &q.lastTick, "tick_lock": &q.tickLock, "make_tick": &q.makeTick, "tick": &q.tick,
		"drops": &q.drops, "dropped": &q.dropped, "droppable": &q.droppable,
		"drop_partition": &q.dropPartition, "drop_log": &q.dropLog, "drop_identities": &q.dropIdentities,
		"identity_pages": &q.identityPages, "holdings": &q.holdings, "holdings_parts": &q.holdingsParts,
		"commits_after": &q.commitsAfter, "commits_before": &q.commitsBefore,
		"commits_of_topic_after": &q.commitsOfTopicAfter, "commits_of_topic_before": &q.commitsOfTopicBefore,
		"commit_of_event": &q.commitOfEvent, "event": &q.event, "events_after": &q.eventsAfter, "events_before": &q.eventsBefore,
		"older_by_id": &q.olderByID, "newer_by_id": &q.newerByID,
		"remember": &q.remember, "known": &q.known, "forget": &q.forget, "known_topics": &q.knownTopics,
	} {
		data, err := sql.Files.ReadFile("postgres/queries/" + name + ".sql")
		if err != nil {
			return queries{}, fmt.Errorf("read the statement %s: %w", name, err)
		}
		*text = sql.InSchema(string(data), schema)
	}
	return q, nil
}
