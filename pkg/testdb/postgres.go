package testdb

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// superuser owns every PostgreSQL server that this package starts.
const superuser = "eventagg"

// PostgresOptions configure a PostgreSQL server. The zero value is a server with
// the defaults of an installation.
type PostgresOptions struct {
	// NoSync turns off everything that makes data survive a crash of the
	// machine. This is much faster on a slow disk. Crash tests leave it off.
	NoSync bool
	// Environment is added to the environment of the server process, as
	// "NAME=value".
	Environment []string
	// Settings are added to the configuration, as in postgresql.conf.
	Settings map[string]string
}

func (o PostgresOptions) settings() []string {
	settings := []string{"max_connections=200", "shared_buffers=64MB"}
	if o.NoSync {
		settings = append(settings, "fsync=off", "full_page_writes=off")
	}
	for _, name := range slices.Sorted(maps.Keys(o.Settings)) {
		settings = append(settings, name+"="+o.Settings[name])
	}
	return settings
}

// StartPostgres starts a PostgreSQL server for one test, with an empty database,
// and removes both when the test ends. It takes a second or two: use it only if
// the test stops or pauses the server, and [Postgres] otherwise.
func StartPostgres(t testing.TB, options PostgresOptions) *Server {
	t.Helper()
	server, err := newPostgres(options)
	if err != nil {
		skipOrFail(t, "PostgreSQL", err)
	}
	s := register(t, server)
	if err := server.exec("CREATE DATABASE " + superuser); err != nil {
		t.Fatalf("testdb: %v", err)
	}
	return s
}

// postgres is one PostgreSQL server: a folder and, while it runs, a process.
type postgres struct {
	bin         string // folder of initdb and postgres
	dir         string
	port        int
	password    string
	settings    []string
	environment []string
	process     *process
}

// findPostgres returns the folder of PostgreSQL's programs: the configured one,
// or that of the newest installed version.
func findPostgres() (string, error) {
	if errUnsupported != nil {
		return "", errUnsupported
	}
	if bin := os.Getenv(envPostgresBin); bin != "" {
		return bin, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	version := func(path string) int {
		number, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return number
	}
	if len(found) > 0 {
		return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return cmp.Compare(version(a), version(b)) })), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("initdb: %w", errMissing)
	}
	return filepath.Dir(path), nil
}

// newPostgres creates a server in a new folder and starts it.
func newPostgres(options PostgresOptions) (*postgres, error) {
	bin, err := findPostgres()
	if err != nil {
		return nil, err
	}
	s := &postgres{bin: bin, password: rand.Text(), settings: options.settings(), environment: options.Environment}
	if s.dir, err = newFolder("postgres"); err != nil {
		return nil, err
	}
	if err = s.initialise(); err == nil {
		err = s.start()
	}
	if err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

func (s *postgres) data() string { return filepath.Join(s.dir, "data") }
func (s *postgres) log() string  { return filepath.Join(s.dir, "log") }

func (s *postgres) initialise() error {
	password, err := writeFile(s.dir, "password", s.password)
	if err != nil {
		return err
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"), "--pgdata", s.data(), "--username", superuser, "--pwfile", password,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions", "--data-checksums")
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, &out, &out
	cmd.Env = append(os.Environ(), "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = processAttributes(0)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out.String())
	}
	return nil
}

// exec runs one SQL statement in the database postgres.
func (s *postgres) exec(statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.url("postgres"))
	if err != nil {
		return err
	}
	_, err = conn.Exec(ctx, statement)
	return errors.Join(err, conn.Close(ctx))
}

// arguments are the arguments of the program postgres.
func (s *postgres) arguments() []string {
	args := []string{"-D", s.data(), "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-k", ""}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	return args
}

func (s *postgres) start() error {
	// After a crash the old file says "ready" until the server writes its own.
	if err := os.Remove(s.pidFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), s.arguments()...)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.environment...)
	var err error
	s.process, err = launch(cmd, s.log(), syscall.SIGQUIT, s.ready)
	return err
}

func (s *postgres) pidFile() string { return filepath.Join(s.data(), "postmaster.pid") }

// ready reads the server's state from its PID file, as pg_ctl does.
func (s *postgres) ready() bool {
	text, err := os.ReadFile(s.pidFile())
	lines := strings.Split(string(text), "\n")
	return err == nil && len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready"
}

func (s *postgres) stop(mode Mode) error {
	signal := syscall.SIGINT
	if mode == Immediate {
		signal = syscall.SIGQUIT
	}
	err := s.process.end(signal)
	s.process = nil
	return err
}

func (s *postgres) pid() (int, bool) { return s.process.pid() }
func (s *postgres) address() string  { return s.url(superuser) }
func (s *postgres) remove() error    { return os.RemoveAll(s.dir) }

// url is the address of a database on the server.
func (s *postgres) url(database string) string {
	address := url.URL{
		Scheme: "postgres", User: url.UserPassword(superuser, s.password),
		Host: "127.0.0.1:" + strconv.Itoa(s.port), Path: database, RawQuery: "sslmode=disable",
	}
	return address.String()
}

// restartHint is the command that serves the data again.
func (s *postgres) restartHint() string {
	return fmt.Sprintf("%s -D %s -h 127.0.0.1 -p %d -k ''", filepath.Join(s.bin, "postgres"), s.data(), s.port)
}
