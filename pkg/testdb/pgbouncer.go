package testdb

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// PgBouncerOptions configure a PgBouncer.
type PgBouncerOptions struct {
	// PoolSize is the number of connections to each database, default 4.
	PoolSize int
	// Settings are added to the configuration, as in pgbouncer.ini.
	Settings map[string]string
}

// StartPgBouncer starts a PgBouncer in transaction mode in front of a database of
// [Postgres] or [StartPostgres], and removes it when the test ends. Its URL is
// for that database. Change the path of the URL to reach another one on the same
// server.
func StartPgBouncer(t testing.TB, database string, options PgBouncerOptions) *Server {
	t.Helper()
	server, err := newPgBouncer(database, options)
	if err != nil {
		skipOrFail(t, "PgBouncer", err)
	}
	return register(t, server)
}

// pgBouncer is one PgBouncer: a folder and, while it runs, a process.
type pgBouncer struct {
	program string
	dir     string
	config  string // path of the configuration file
	port    int
	target  *url.URL
	process *process
}

func newPgBouncer(database string, options PgBouncerOptions) (*pgBouncer, error) {
	if errUnsupported != nil {
		return nil, errUnsupported
	}
	program, err := findPgBouncer()
	if err != nil {
		return nil, err
	}
	s := &pgBouncer{program: program}
	if s.target, err = url.Parse(database); err != nil {
		return nil, err
	}
	if s.dir, err = newFolder("pgbouncer"); err != nil {
		return nil, err
	}
	if err = s.configure(options); err == nil {
		err = s.start()
	}
	if err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// findPgBouncer returns the path of the program. Debian installs it in a folder
// that is only in root's PATH.
func findPgBouncer() (string, error) {
	for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
		if program, err := exec.LookPath(name); err == nil {
			return program, nil
		}
	}
	return "", fmt.Errorf("pgbouncer: %w", errMissing)
}

func (s *pgBouncer) configure(options PgBouncerOptions) error {
	password, _ := s.target.User.Password()
	users, err := writeFile(s.dir, "users.txt", fmt.Sprintf("%q %q\n", s.target.User.Username(), password))
	if err != nil {
		return err
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	var text strings.Builder
	fmt.Fprintf(&text, "[databases]\n* = host=%s port=%s\n", s.target.Hostname(), s.target.Port())
	fmt.Fprintf(&text, "[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\nunix_socket_dir =\n", s.port)
	fmt.Fprintf(&text, "auth_type = scram-sha-256\nauth_file = %s\n", users)
	fmt.Fprintf(&text, "pool_mode = transaction\ndefault_pool_size = %d\nmax_client_conn = 500\n", cmp.Or(options.PoolSize, 4))
	// How long a client waits while the server is unavailable, and how soon a
	// recovered server is used again. The defaults are 120 and 15 seconds.
	text.WriteString("query_wait_timeout = 3\nserver_login_retry = 0.1\n")
	for _, name := range slices.Sorted(maps.Keys(options.Settings)) {
		fmt.Fprintf(&text, "%s = %s\n", name, options.Settings[name])
	}
	s.config, err = writeFile(s.dir, "pgbouncer.ini", text.String())
	return err
}

func (s *pgBouncer) log() string { return s.dir + "/log" }

func (s *pgBouncer) start() error {
	cmd := exec.Command(s.program, s.config)
	cmd.Dir = s.dir
	var err error
	s.process, err = launch(cmd, s.log(), syscall.SIGKILL, s.ready)
	return err
}

func (s *pgBouncer) host() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func (s *pgBouncer) ready() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.host())
	return err == nil && conn.Close() == nil
}

func (s *pgBouncer) stop(mode Mode) error {
	signal := syscall.SIGTERM // ends at once; SIGINT would wait until the clients disconnect
	if mode == Immediate {
		signal = syscall.SIGKILL
	}
	err := s.process.end(signal)
	s.process = nil
	return err
}

func (s *pgBouncer) pid() (int, bool)    { return s.process.pid() }
func (s *pgBouncer) remove() error       { return os.RemoveAll(s.dir) }
func (s *pgBouncer) restartHint() string { return s.program + " " + s.config }

func (s *pgBouncer) address() string {
	address := *s.target
	address.Host = s.host()
	return address.String()
}
