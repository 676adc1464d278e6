package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

// TestExplainConnect checks the message that an operator reads after each kind of
// failed connection.
func TestExplainConnect(t *testing.T) {
	t.Parallel()
	refused := &net.OpError{Op: "dial", Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	tests := []struct {
		name, url string
		err       error
		want      string
	}{
		{"nothing listens", "postgres://u:secret@h/d", refused, `nothing listens at h:5432 (connection refused); is PostgreSQL running there, and is the port right?`},
		{"nothing listens at any of several addresses", "postgres://u:secret@a:1,b:2/d", errors.Join(refused, refused), `nothing listens at a:1 or b:2 (connection refused); is PostgreSQL running there, and is the port right?`},
		{"nothing listens at a socket", "postgres://u:secret@/d?host=/run/pg", refused, `nothing listens at /run/pg/.s.PGSQL.5432 (connection refused); is PostgreSQL running there, and is the port right?`},
		{"an unknown host", "postgres://u:secret@h/d", &net.DNSError{Name: "h", IsNotFound: true}, `unknown host "h"; check the host in database.url`},
		{"no response from the name server", "postgres://u:secret@h/d", &net.DNSError{Name: "h", IsTimeout: true}, `no response from h:5432 in time; check host and port in database.url, and the firewalls in between`},
		{"a wrong password", "postgres://u:secret@h/d", state("28P01"), `the server at h:5432 rejects the password of user "u", or the user does not exist; check both in database.url (password authentication failed)`},
		{"a wrong password at the second address", "postgres://u:secret@a,b/d", errors.Join(refused, state("28P01")), `the server at a:5432 or b:5432 rejects the password of user "u", or the user does not exist; check both in database.url (password authentication failed)`},
		{"no password", "postgres://u@h/d?passfile=/none", state("28P01"), `the server at h:5432 requires a password for user "u", and database.url has none`},
		{"a user that pg_hba.conf excludes", "postgres://u:secret@h/d", state("28000"), `the server at h:5432 refuses user "u"; check the user in database.url, and pg_hba.conf of the server (as the server says)`},
		{"no such database", "postgres://u:secret@h/d", state("3D000"), `the server at h:5432 has no database "d"; create it with CREATE DATABASE, or name another in database.url`},
		{"too many connections", "postgres://u:secret@h/d", state("53300"), `the server at h:5432 has no connection left; lower database.max_conns and ingest.writers, or raise max_connections (as the server says)`},
		{"a starting server", "postgres://u:secret@h/d", state("57P03"), `the server at h:5432 is not ready yet; try again in a moment (as the server says)`},
		{"any other refusal", "postgres://u:secret@h/d", state("55000"), `the server at h:5432 refuses user "u" in database "d": as the server says (SQLSTATE 55000)`},
		{"any other error, on one line", "postgres://u:secret@h/d", errors.New("one\n\ttwo"), `no connection to h:5432 as user "u": dial: one two`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			config, err := pgconn.ParseConfig(test.url)
			if err != nil {
				t.Fatal(err)
			}
			got := explainConnect(config, fmt.Errorf("dial: %w", test.err))
			if got.Error() != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if !errors.Is(got, test.err) || strings.Contains(got.Error(), "secret") || strings.Contains(got.Error(), "\n") {
				t.Errorf("the cause is lost, or the password or a line break is shown: %q", got)
			}
		})
	}
}

// TestOpen_ServerDoesNotRespond connects to a server that accepts connections and
// sends nothing.
func TestOpen_ServerDoesNotRespond(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	_, err = Open(context.WithoutCancel(t.Context()), Options{URL: "postgres://u:secret@" + listener.Addr().String() + "/d?connect_timeout=1&sslmode=disable"})
	if err == nil || !strings.Contains(err.Error(), "no response from "+listener.Addr().String()+" in time") {
		t.Errorf("got %v", err)
	}
}
