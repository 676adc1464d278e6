package testdb

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// RedisOptions are the options of a Redis server; the zero value keeps nothing
// on disk.
type RedisOptions struct {
	// Durable appends every command to a file and syncs it before it answers.
	Durable bool
	// Cluster makes it a node of a cluster, without slots yet.
	Cluster bool
	// Password is the server's; "" is one of its own. The nodes of a cluster
	// share one, since clients know only one.
	Password string
	// Clock lets SetClock make the server's clock wrong. It needs a C compiler.
	Clock bool
	// Settings are put on top, as in redis.conf.
	Settings map[string]string
}

// Redis returns the URL of an empty Redis server of the test's own, which ends
// with the test.
func Redis(t testing.TB) string {
	t.Helper()
	return StartRedis(t, RedisOptions{}).URL()
}

// StartRedis starts a Redis server for one test and removes it when that ends.
func StartRedis(t testing.TB, options RedisOptions) *Server {
	t.Helper()
	server, err := newRedis(options)
	if err != nil {
		unavailable(t, "Redis", err)
	}
	s := register(t, server)
	s.clock = server.clock
	return s
}

// redis is one Redis server: a folder and, while it runs, a process.
type redis struct {
	program  string
	dir      string
	config   string // path of its configuration
	port     int
	password string
	process  *process
	clock    *clock
}

func newRedis(options RedisOptions) (*redis, error) {
	if supported != nil {
		return nil, supported
	}
	program, err := findRedis()
	if err != nil {
		return nil, err
	}
	s := &redis{program: program, password: cmp.Or(options.Password, rand.Text())}
	if s.dir, err = newFolder("redis"); err != nil {
		return nil, err
	}
	if s.clock, err = newClock(s.dir, options.Clock); err == nil {
		s.port, err = freePort()
	}
	if err == nil {
		err = s.configure(options)
	}
	if err == nil {
		err = s.start()
	}
	if err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

func findRedis() (string, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return "", fmt.Errorf("redis-server: %w", errMissing)
	}
	return program, nil
}

func (s *redis) configure(options RedisOptions) (err error) {
	busPort := 0
	if options.Cluster {
		// Redis' own choice is the port plus 10000, where outgoing connections are.
		if busPort, err = freePort(); err != nil {
			return err
		}
	}
	// A file, since other users of the machine can read a command line.
	s.config, err = writeFile(s.dir, "redis.conf", s.configuration(options, busPort))
	return err
}

func (s *redis) configuration(options RedisOptions, busPort int) string {
	var text strings.Builder
	fmt.Fprintf(&text, "bind 127.0.0.1\nport %d\nrequirepass %s\ndir %q\nsave \"\"\n", s.port, s.password, s.dir)
	if options.Durable {
		text.WriteString("appendonly yes\nappendfsync always\n")
	}
	if options.Cluster {
		fmt.Fprintf(&text, "cluster-enabled yes\ncluster-announce-ip 127.0.0.1\ncluster-port %d\n", busPort)
	}
	for name, value := range options.Settings {
		fmt.Fprintf(&text, "%s %s\n", name, value)
	}
	return text.String()
}

func (s *redis) log() string { return filepath.Join(s.dir, "log") }

func (s *redis) start() error {
	logFile, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = logFile.Close() }()
	cmd := exec.Command(s.program, s.config)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.Env = s.dir, logFile, logFile, s.clock.environment()
	if s.process, err = spawn(cmd, syscall.SIGKILL); err != nil {
		return err
	}
	if err := s.process.until(s.ready); err != nil {
		return fmt.Errorf("redis: %w: %s", errors.Join(err, s.stop(Immediate)), tail(s.log()))
	}
	return nil
}

// ready asks the server; while it loads its data it answers with an error.
func (s *redis) ready() bool {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", s.host())
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close() }()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nPING\r\n", s.password); err != nil {
		return false
	}
	answers := bufio.NewScanner(conn)
	return answers.Scan() && answers.Text() == "+OK" && answers.Scan() && answers.Text() == "+PONG"
}

func (s *redis) stop(mode Mode) error {
	if s.process == nil {
		return nil
	}
	signal := syscall.SIGTERM
	if mode == Immediate {
		signal = syscall.SIGKILL
	}
	err := s.process.end(signal)
	s.process = nil
	return err
}

func (s *redis) pid() (int, bool)    { return s.process.pid() }
func (s *redis) host() string        { return "127.0.0.1:" + strconv.Itoa(s.port) }
func (s *redis) remove() error       { return os.RemoveAll(s.dir) }
func (s *redis) restartHint() string { return s.program + " " + s.config }

func (s *redis) address() string {
	address := url.URL{Scheme: "redis", User: url.UserPassword("", s.password), Host: s.host(), Path: "0"}
	return address.String()
}
