package testdb

import (
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

// PgBouncerOptions are the options of a pooler; the zero value lends four
// connections, each for one transaction.
type PgBouncerOptions struct {
	// PoolSize is how many connections to a database there are, default 4.
	PoolSize int
	// Settings are put on top, as in pgbouncer.ini.
	Settings map[string]string
}

// StartPgBouncer starts a PgBouncer in transaction mode in front of a database
// that [Postgres] or [StartPostgres] gave, and removes it when the test ends.
// Its URL leads to that database; with another path, to others of the server.
func StartPgBouncer(t testing.TB, database string, options PgBouncerOptions) *Server {
	t.Helper()
	server, err := newPgBouncer(database, options)
	if err != nil {
		unavailable(t, "PgBouncer", err)
	}
	return register(t, server)
}

// pgBouncer is one pooler: a folder and, while it runs, a process.
type pgBouncer struct {
	program string
	dir     string
	config  string // path of its configuration
	port    int
	target  *url.URL
	process *process
}

func newPgBouncer(database string, options PgBouncerOptions) (*pgBouncer, error) {
	if supported != nil {
		return nil, supported
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

// findPgBouncer returns the path of the program, which Debian keeps where only
// root's PATH looks.
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
	poolSize := options.PoolSize
	if poolSize == 0 {
		poolSize = 4
	}
	fmt.Fprintf(&text, "pool_mode = transaction\ndefault_pool_size = %d\nmax_client_conn = 500\n", poolSize)
	// How long a client waits for a server that is away, and how soon one that is
	// back is noticed; 120 and 15 seconds would be usual.
	text.WriteString("query_wait_timeout = 5\nserver_login_retry = 0.1\n")
	for _, name := range slices.Sorted(maps.Keys(options.Settings)) {
		fmt.Fprintf(&text, "%s = %s\n", name, options.Settings[name])
	}
	s.config, err = writeFile(s.dir, "pgbouncer.ini", text.String())
	return err
}

func (s *pgBouncer) log() string { return s.dir + "/log" }

func (s *pgBouncer) start() error {
	logFile, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = logFile.Close() }()
	cmd := exec.Command(s.program, s.config)
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, logFile, logFile
	if s.process, err = spawn(cmd, syscall.SIGKILL); err != nil {
		return err
	}
	if err := s.process.until(s.ready); err != nil {
		return fmt.Errorf("pgbouncer: %w: %s", errors.Join(err, s.stop(Immediate)), tail(s.log()))
	}
	return nil
}

func (s *pgBouncer) host() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

func (s *pgBouncer) ready() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.host())
	return err == nil && conn.Close() == nil
}

func (s *pgBouncer) stop(mode Mode) error {
	if s.process == nil {
		return nil
	}
	signal := syscall.SIGTERM // at once; SIGINT would wait for the clients to leave
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
