package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// openPool makes a pool whose connections begin with a statement of ours, unless
// they lead to a pooler.
func openPool(ctx context.Context, options Options, size int, session string) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(options.URL)
	if err != nil {
		return nil, unreadable(options.URL, err)
	}
	config.MaxConns = int32(min(size, 10_000))
	if options.Pooled {
		withoutSession(config.ConnConfig)
	} else {
		config.AfterConnect = beginWith(session)
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "eventagg"
	}
	// Events are UTF-8. Under another encoding the server would convert keys, and
	// two instances that differ in it would store one event twice.
	config.ConnConfig.RuntimeParams["client_encoding"] = "UTF8"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, translate(ctx, err, "connect to the database")
	}
	return pool, nil
}

// beginWith makes a statement the first of every connection.
func beginWith(session string) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, session)
		return err
	}
}

// withoutSession makes a connection rely on nothing that a server keeps from one
// transaction to the next: no statement is prepared under a name. What a
// statement's parameters are is asked once and remembered here, so that each
// later call is one round trip, to whichever server the pooler picks.
func withoutSession(config *pgx.ConnConfig) {
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	config.StatementCacheCapacity = 0
}

// errURL says what a database URL looks like.
var errURL = errors.New("it is no postgres://user:password@host:port/database; " +
	"write characters such as @ : / % # ? in user and password as %40 and so on")

// unreadable words an error of reading the database URL. The driver's own words
// repeat the URL without its password, which only a URL with clear parts allows.
func unreadable(address string, err error) error {
	const attempt = "read the database URL"
	if parsed, errParse := url.Parse(address); errParse != nil || parsed.Host == "" {
		return fmt.Errorf("%s: %w", attempt, errURL)
	}
	return fmt.Errorf("%s: %w", attempt, err)
}

// connectError is an error of connecting, in words that say what to do. The
// driver's are a paragraph with a line for every address and way to encrypt.
type connectError struct {
	text string
	err  error
}

// Error is one line, without a password.
func (e *connectError) Error() string { return e.text }

// Unwrap returns the driver's error.
func (e *connectError) Unwrap() error { return e.err }

// explainConnect words what kept a connection from being made. Of several
// addresses the answer of a server tells more than the silence of another.
func explainConnect(config *pgconn.Config, err error) error {
	at := addresses(config)
	var (
		refused *pgconn.PgError
		lookup  *net.DNSError
		text    string
	)
	switch {
	case errors.As(err, &refused):
		text = explainRefusal(config, at, refused)
	case errors.As(err, &lookup) && lookup.IsNotFound:
		text = fmt.Sprintf("there is no host named %q; check the host in database.url", lookup.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		text = fmt.Sprintf("nothing listens at %s (connection refused); is PostgreSQL running there, and is the port right?", at)
	case pgconn.Timeout(err), errors.As(err, &lookup) && lookup.IsTimeout:
		text = fmt.Sprintf("no answer from %s in time; check host and port in database.url, and the firewalls in between", at)
	default:
		text = fmt.Sprintf("no connection to %s as user %q: %s", at, config.User, oneLine(err))
	}
	return &connectError{text: text, err: err}
}

// explainRefusal words a server's refusal to let somebody in.
func explainRefusal(config *pgconn.Config, at string, refused *pgconn.PgError) string {
	switch refused.Code {
	case "28P01": // invalid_password
		if config.Password == "" {
			return fmt.Sprintf("the server at %s wants a password for user %q, and database.url has none", at, config.User)
		}
		return fmt.Sprintf("the server at %s doesn't take the password of user %q, or there is no such user; "+
			"check both in database.url (password authentication failed)", at, config.User)
	case "28000": // invalid_authorization_specification
		return fmt.Sprintf("the server at %s doesn't let user %q in; check the user in database.url, and pg_hba.conf there (%s)",
			at, config.User, refused.Message)
	case "3D000": // invalid_catalog_name
		return fmt.Sprintf("the server at %s has no database %q; make it with CREATE DATABASE, or name another in database.url",
			at, config.Database)
	case "53300": // too_many_connections
		return fmt.Sprintf("the server at %s has no connection left; lower database.max_conns and ingest.writers, "+
			"or raise the limit there (%s)", at, refused.Message)
	case "57P03": // cannot_connect_now
		return fmt.Sprintf("the server at %s is not ready yet; try again in a moment (%s)", at, refused.Message)
	default:
		return fmt.Sprintf("the server at %s doesn't let user %q into database %q: %s (SQLSTATE %s)",
			at, config.User, config.Database, refused.Message, refused.Code)
	}
}

// addresses are where a connection was tried, in that order.
func addresses(config *pgconn.Config) string {
	_, first := pgconn.NetworkAddress(config.Host, config.Port)
	all := []string{first}
	for _, fallback := range config.Fallbacks { // other hosts, and the same without encryption
		if _, next := pgconn.NetworkAddress(fallback.Host, fallback.Port); !slices.Contains(all, next) {
			all = append(all, next)
		}
	}
	return strings.Join(all, " or ")
}

// oneLine is an error's message without line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
