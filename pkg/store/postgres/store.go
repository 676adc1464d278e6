package postgres

import (
	"cmp"
	"context"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/eventagg/eventagg/pkg/store"
	"github.com/eventagg/eventagg/sql"
)

// Options say where the database is and how much of it to use.
type Options struct {
	// URL is a postgres:// connection string, with every parameter that
	// libpq and pgxpool know.
	URL string
	// Writers is how many connections append, default 2. More appends than
	// that wait for one another.
	Writers int
	// MaxConns is how many connections read, on top of the writers, default 8.
	MaxConns int
	// Pooled says that URL leads to a pooler that lends a connection for one
	// transaction, such as PgBouncer with pool_mode=transaction. Nothing is then
	// kept in a session: each transaction names what it needs, and statements
	// are sent in full each time. It is right without a pooler as well, and
	// slower; without it, a pooler of that kind breaks the store.
	Pooled bool
}

// Store is a [store.Store] on PostgreSQL. Make one with [Open].
type Store struct {
	writers *pgxpool.Pool
	readers *pgxpool.Pool
	queries queries
	columns sync.Pool
	pooled  bool

	life   sync.RWMutex // held for reading by calls under way
	closed bool
}

var _ store.Store = (*Store)(nil)

// Open connects to a database that [Migrate] has prepared. It fails, rather
// than waits, when the database can't be reached ([store.ErrUnavailable]) or
// lacks the tables.
func Open(ctx context.Context, options Options) (*Store, error) {
	s := &Store{pooled: options.Pooled}
	var err error
	if s.queries, err = loadQueries(); err != nil {
		return nil, err
	}
	if s.writers, err = openPool(ctx, options, cmp.Or(options.Writers, 2), s.queries.writerSession); err != nil {
		return nil, err
	}
	if s.readers, err = openPool(ctx, options, cmp.Or(options.MaxConns, 8), s.queries.readerSession); err != nil {
		s.writers.Close()
		return nil, err
	}
	if err := s.Ping(ctx); err != nil {
		s.readers.Close()
		s.writers.Close()
		return nil, err
	}
	return s, nil
}

// Close implements [store.Store].
func (s *Store) Close() error {
	s.life.Lock()
	defer s.life.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	s.writers.Close()
	s.readers.Close()
	return nil
}

// enter begins a call: the store stays open until life is unlocked again, which
// is the caller's to do where the error is nil.
func (s *Store) enter(attempt string) error {
	s.life.RLock()
	if s.closed {
		s.life.RUnlock()
		return fmt.Errorf("%s: %w", attempt, store.ErrClosed)
	}
	return nil
}

// queries are the statements of sql/postgres/queries, by use.
type queries struct {
	writerSession, readerSession, ready                                string
	writerBegin, writerTransaction                                     string
	append, appendOne, stats, topicStats, event, older, newer, settled string
	olderOfTopic, newerOfTopic, mark                                   string
	remember, known, forget                                            string
}

func loadQueries() (queries, error) {
	var q queries
	for name, text := range map[string]*string{
		"writer_session": &q.writerSession, "reader_session": &q.readerSession, "ready": &q.ready,
		"writer_begin": &q.writerBegin, "writer_transaction": &q.writerTransaction,
		"append": &q.append, "append_one": &q.appendOne, "stats": &q.stats, "topic_stats": &q.topicStats, "event": &q.event,
		"older": &q.older, "newer": &q.newer, "settled": &q.settled,
		"older_of_topic": &q.olderOfTopic, "newer_of_topic": &q.newerOfTopic, "mark": &q.mark,
		"remember": &q.remember, "known": &q.known, "forget": &q.forget,
	} {
		data, err := sql.Files.ReadFile("postgres/queries/" + name + ".sql")
		if err != nil {
			return queries{}, fmt.Errorf("read the statement %s: %w", name, err)
		}
		*text = string(data)
	}
	return q, nil
}
