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

// openPool opens a pool. Each new connection first runs the statement session,
// unless it is one to a pooler.
func openPool(ctx context.Context, options Options, size int, session string, onNotice pgconn.NoticeHandler) (*pgxpool.Pool, error) {
	return openPoolOf(ctx, options, size, session, validatePrimary, onNotice)
}

// openPoolOf is openPool for the servers that a function accepts. The URL can choose
// others with target_session_attrs.
func openPoolOf(ctx context.Context, options Options, size int, session string, validate pgconn.ValidateConnectFunc,
	onNotice pgconn.NoticeHandler,
) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(options.URL)
	if err != nil {
		return nil, invalidURL(options.URL, err)
	}
	config.MaxConns = int32(min(size, 10_000))
	config.ConnConfig.OnNotice = onNotice
	if options.Pooled {
		withoutSession(config.ConnConfig)
	} else {
		config.AfterConnect = runFirst(session)
	}
	if config.ConnConfig.RuntimeParams["application_name"] == "" {
		config.ConnConfig.RuntimeParams["application_name"] = "eventagg"
	}
	if config.ConnConfig.ValidateConnect == nil { // the URL has no target_session_attrs
		config.ConnConfig.ValidateConnect = validate
	}
	// Events are UTF-8. With another client encoding the server would convert
	// keys, and two instances with different encodings would store an event twice.
	config.ConnConfig.RuntimeParams["client_encoding"] = "UTF8"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return nil, translate(ctx, err, "connect to the database")
	}
	return pool, nil
}

// errStandby reports that an address leads to a standby.
var errStandby = errors.New("the server is a standby")

// validatePrimary refuses a connection to a standby, so that the next address of the
// URL is tried. A role whose transactions are read-only by default is no reason: the
// session of a writer changes that.
func validatePrimary(ctx context.Context, conn *pgconn.PgConn) error {
	if err := pgconn.ValidateConnectTargetSessionAttrsPrimary(ctx, conn); err != nil {
		return fmt.Errorf("%w: %w", errStandby, err)
	}
	return nil
}

// runFirst runs a statement on every new connection.
func runFirst(session string) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, session)
		return err
	}
}

// withoutSession makes a connection independent of the server's session, which
// may change with each transaction: there are no named prepared statements. The
// types of a statement's parameters are requested once and cached in this
// process, so each later call is one round trip.
func withoutSession(config *pgx.ConnConfig) {
	config.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	config.StatementCacheCapacity = 0
}

// errURL explains the format of a database URL.
var errURL = errors.New("invalid URL: expected postgres://user:password@host:port/database; " +
	"write characters such as @ : / % # ? in user and password as %40 and so on")

// invalidURL explains why the database URL can't be used. The driver's message
// contains the URL without its password. That is safe only if the URL can be
// parsed, because otherwise the password can't be found in it.
func invalidURL(address string, err error) error {
	const attempted = "read the database URL"
	if parsed, errParse := url.Parse(address); errParse != nil || parsed.Host == "" {
		return fmt.Errorf("%s: %w", attempted, errURL)
	}
	return fmt.Errorf("%s: %w", attempted, err)
}

// connectError is a failed connection attempt with a message that says what to
// do. The driver's message has a line for each address and encryption mode.
type connectError struct {
	text string
	err  error
}

// Error is one line, without a password.
func (e *connectError) Error() string { return e.text }

// Unwrap returns the driver's error.
func (e *connectError) Unwrap() error { return e.err }

// explainConnect explains why there is no connection. If there are several
// addresses, a server's response is more useful than a timeout of another one.
func explainConnect(config *pgconn.Config, err error) error {
	servers := addresses(config)
	var (
		refused *pgconn.PgError
		lookup  *net.DNSError
		text    string
	)
	switch {
	case errors.Is(err, errStandby):
		text = fmt.Sprintf("the server at %s is a standby and accepts no writes; name the primary in database.url", servers)
	case errors.As(err, &refused):
		text = explainRefusal(config, servers, refused)
	case errors.As(err, &lookup) && lookup.IsNotFound:
		text = fmt.Sprintf("unknown host %q; check the host in database.url", lookup.Name)
	case errors.Is(err, syscall.ECONNREFUSED):
		text = fmt.Sprintf("nothing listens at %s (connection refused); is PostgreSQL running there, and is the port right?", servers)
	case pgconn.Timeout(err), errors.As(err, &lookup) && lookup.IsTimeout:
		text = fmt.Sprintf("no response from %s in time; check host and port in database.url, and the firewalls in between", servers)
	default:
		text = fmt.Sprintf("no connection to %s as user %q: %s", servers, config.User, oneLine(err))
	}
	return &connectError{text: text, err: err}
}

// explainRefusal explains why a server refused the connection.
func explainRefusal(config *pgconn.Config, servers string, refused *pgconn.PgError) string {
	switch refused.Code {
	case "28P01": // invalid_password
		if config.Password == "" {
			return fmt.Sprintf("the server at %s requires a password for user %q, and database.url has none", servers, config.User)
		}
		return fmt.Sprintf("the server at %s rejects the password of user %q, or the user does not exist; "+
			"check both in database.url (password authentication failed)", servers, config.User)
	case "28000": // invalid_authorization_specification
		return fmt.Sprintf("the server at %s refuses user %q; check the user in database.url, and pg_hba.conf of the server (%s)",
			servers, config.User, refused.Message)
	case "3D000": // invalid_catalog_name
		return fmt.Sprintf("the server at %s has no database %q; create it with CREATE DATABASE, or name another in database.url",
			servers, config.Database)
	case "53300": // too_many_connections
		return fmt.Sprintf("the server at %s has no connection left; lower database.max_conns and ingest.writers, "+
			"or raise max_connections (%s)", servers, refused.Message)
	case "57P03": // cannot_connect_now
		return fmt.Sprintf("the server at %s is not ready yet; try again in a moment (%s)", servers, refused.Message)
	default:
		return fmt.Sprintf("the server at %s refuses user %q in database %q: %s (SQLSTATE %s)",
			servers, config.User, config.Database, refused.Message, refused.Code)
	}
}

// addresses are the addresses that were tried, in that order.
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

// oneLine is an error message without line breaks.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
