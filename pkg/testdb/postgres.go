package testdb

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
)

// superuser is the owner of every server that this package starts.
const superuser = "eventagg"

// postgres is one PostgreSQL server: a folder and, while it runs, a process.
type postgres struct {
	bin      string // where initdb, postgres and psql are
	dir      string
	port     int
	password string
	settings []string
	process  *process
	clock    *clock
}

// findPostgres returns the folder of PostgreSQL's programs, of the newest
// version where there are several.
func findPostgres() (string, error) {
	if supported != nil {
		return "", supported
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	version := func(path string) int {
		number, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
		return number
	}
	slices.SortFunc(found, func(a, b string) int { return version(b) - version(a) })
	if len(found) > 0 {
		return filepath.Dir(found[0]), nil
	}
	path, err := exec.LookPath("initdb")
	if err != nil {
		return "", fmt.Errorf("initdb: %w", errMissing)
	}
	return filepath.Dir(path), nil
}

// newPostgres makes a server in a new folder and starts it.
func newPostgres(options PostgresOptions) (*postgres, error) {
	bin, err := findPostgres()
	if err != nil {
		return nil, err
	}
	s := &postgres{bin: bin, password: rand.Text(), settings: options.settings()}
	if s.dir, err = newFolder("postgres"); err != nil {
		return nil, err
	}
	if s.clock, err = newClock(s.dir, options.Clock); err == nil {
		err = s.initialise()
	}
	if err == nil {
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
	return s.run("initdb", "--pgdata", s.data(), "--username", superuser, "--pwfile", password,
		"--auth", "scram-sha-256", "--encoding", "UTF8", "--locale", "C.UTF-8", "--no-sync", "--no-instructions")
}

// run runs one of PostgreSQL's programs to its end.
func (s *postgres) run(name string, args ...string) error {
	ctx, cancel := context.WithTimeout(context.Background(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, name), args...)
	var out bytes.Buffer
	cmd.Dir, cmd.Stdout, cmd.Stderr = s.dir, &out, &out
	cmd.Env = append(os.Environ(), "PGPASSWORD="+s.password, "LC_ALL=C.UTF-8")
	cmd.SysProcAttr = attributes(0)
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, out.String())
	}
	return nil
}

// exec runs one SQL statement.
func (s *postgres) exec(statement string) error {
	return s.run("psql", "--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1",
		"--dbname", s.url("postgres"), "--command", statement)
}

// arguments are those of the postgres program.
func (s *postgres) arguments() []string {
	args := []string{"-D", s.data(), "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-k", ""}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	return args
}

func (s *postgres) start() error {
	logFile, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = logFile.Close() }()
	// After a crash the old file says "ready" until the server writes its own.
	if err := os.Remove(s.pidFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	cmd := exec.Command(filepath.Join(s.bin, "postgres"), s.arguments()...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = s.dir, logFile, logFile, s.clock.environment()
	if s.process, err = spawn(cmd, syscall.SIGQUIT); err != nil {
		return err
	}
	if err := s.process.until(s.ready); err != nil {
		return fmt.Errorf("postgres: %w: %s", errors.Join(err, s.stop(Immediate)), tail(s.log()))
	}
	return nil
}

func (s *postgres) pidFile() string { return filepath.Join(s.data(), "postmaster.pid") }

// ready reads the server's state from the file it keeps for that, as pg_ctl does.
func (s *postgres) ready() bool {
	text, err := os.ReadFile(s.pidFile())
	lines := strings.Split(string(text), "\n")
	return err == nil && len(lines) > 7 && strings.TrimSpace(lines[7]) == "ready"
}

func (s *postgres) stop(mode Mode) error {
	if s.process == nil {
		return nil
	}
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

// url is the address of a database of the server.
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
