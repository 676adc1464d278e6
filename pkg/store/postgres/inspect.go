package postgres

import (
	"cmp"
	"context"
	"crypto/tls"
	stdsql "database/sql"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
)

// Inspect reads the facts about a database that decide what a store on it can promise.
// It uses one connection, changes nothing, and also works on a standby. Its error means
// that the database can't be reached. It uses only the options URL, Schema and Pooled. If
// parts are named, such as [FactsSettings], it reads only these.
func Inspect(ctx context.Context, options Options, only ...string) (*Facts, error) {
	pool, err := poolForAny(ctx, options)
	if err != nil {
		return nil, err
	}
	defer pool.Close()
	i := &inspection{pool: pool, facts: &Facts{Unknown: map[string]string{}}}
	if err := i.connection(ctx); err != nil {
		return nil, err
	}
	db := stdlib.OpenDBFromPool(pool)
	err = i.schema(ctx, db, options.Schema)
	if err = errors.Join(err, db.Close()); err != nil {
		return nil, translate(ctx, err, "inspect the database")
	}
	for part, read := range i.parts() {
		if len(only) > 0 && !slices.Contains(only, part) {
			i.facts.Unknown[part] = "not read"
		} else if err := read(ctx); err != nil {
			i.facts.Unknown[part] = oneLine(err)
		}
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("inspect the database: %w", err)
	}
	return i.facts, nil
}

// inspection is the state of one call of Inspect.
type inspection struct {
	pool  *pgxpool.Pool // with one connection
	facts *Facts
}

// poolForAny connects to the primary. If there is only a standby, it connects to that.
func poolForAny(ctx context.Context, options Options) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(options.URL)
	if err != nil {
		return nil, invalidURL(options.URL, err)
	}
	if options.Pooled {
		withoutSession(config.ConnConfig)
	}
	config.MaxConns, config.MinConns, config.MinIdleConns = 1, 0, 0
	config.ConnConfig.RuntimeParams["application_name"] = "eventagg doctor"
	config.ConnConfig.RuntimeParams["client_encoding"] = "UTF8"
	const attempted = "reach the database"
	anyServer := config.Copy()
	if config.ConnConfig.ValidateConnect == nil { // the URL has no target_session_attrs
		config.ConnConfig.ValidateConnect = validatePrimary
	}
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, translate(ctx, err, attempted)
	}
	err = pool.Ping(ctx)
	if err == nil {
		return pool, nil
	}
	pool.Close()
	if !errors.Is(err, errStandby) {
		return nil, translate(ctx, err, attempted)
	}
	if pool, err = pgxpool.NewWithConfig(ctx, anyServer); err != nil {
		return nil, translate(ctx, err, attempted)
	}
	return pool, nil
}

// connection reads what the connection itself shows.
func (i *inspection) connection(ctx context.Context) error {
	conn, err := i.pool.Acquire(ctx)
	if err != nil {
		return translate(ctx, err, "reach the database")
	}
	defer conn.Release()
	raw := conn.Conn().PgConn().Conn()
	switch address := raw.RemoteAddr().(type) {
	case *net.UnixAddr:
		i.facts.Local = true
	case *net.TCPAddr:
		i.facts.Local = address.IP.IsLoopback()
	}
	if secure, ok := raw.(*tls.Conn); ok {
		i.facts.Encrypted = true
		if chain := secure.ConnectionState().PeerCertificates; len(chain) > 0 {
			i.facts.CertificateExpires = chain[0].NotAfter
		}
	}
	return nil
}

// schema finds the tables, and whether a store can work on them.
func (i *inspection) schema(ctx context.Context, db *stdsql.DB, configured string) error {
	found, err := schemasOf(ctx, db)
	if err != nil {
		return err
	}
	i.facts.Schema, i.facts.Unusable = schemaForMigration(ctx, db, configured)
	queries, err := loadQueries(i.facts.Schema)
	if err != nil {
		return err
	}
	var state readiness
	if err := i.pool.QueryRow(ctx, queries.ready).Scan(state.columns()...); err != nil {
		return err
	}
	i.facts.Standby, i.facts.Encoding = state.standby, state.encoding
	if !state.standby {
		state.readOnly = false // the session of a writer changes it
	}
	i.facts.Unusable = cmp.Or(state.usable(), i.facts.Unusable)
	if usable := i.facts.Unusable == nil; !usable {
		return nil
	}
	return i.tables(ctx, db, state, found)
}

// tables finds out whether the tables can be used. The parameter found has the schemas
// with tables.
func (i *inspection) tables(ctx context.Context, db *stdsql.DB, state readiness, found []tableSet) error {
	set, exists := setIn(i.facts.Schema, found)
	if !exists {
		i.facts.NoTables = true
		return i.one(ctx, "doctor_create", &i.facts.MayCreate)
	}
	i.facts.Unusable = state.ready()
	// The version of the tables explains more than what is missing, but reading it needs
	// a right, too.
	if wrong := set.check(ctx, db); wrong != nil && state.lacking == "" {
		i.facts.Unusable = wrong
	}
	return nil
}
