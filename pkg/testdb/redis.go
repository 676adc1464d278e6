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

// RedisOptions configure a Redis server. The zero value keeps nothing on disk.
type RedisOptions struct {
	// Durable appends every command to a file and syncs it before the response.
	Durable bool
	// Cluster makes the server a node of a cluster, without slots.
	Cluster bool
	// Password is the server's password, by default a random one. All nodes of a
	// cluster need the same, because clients have only one.
	Password string
	// Environment is added to the environment of the server process, as
	// "NAME=value".
	Environment []string
	// Settings are added to the configuration, as in redis.conf.
	Settings map[string]string
}

// Redis returns the URL of the durable Redis server that all tests of the binary
// share, and a key prefix that no other test gets. The test must use only keys
// that begin with the prefix, and must not stop, flush or reconfigure the
// server: [StartRedis] is for that.
func Redis(t testing.TB) (address, prefix string) {
	t.Helper()
	server, err := sharedRedis.get()
	if err != nil {
		skipOrFail(t, "Redis", err)
	}
	prefix = uniqueName(t.Name())
	t.Cleanup(func() {
		if t.Failed() {
			sharedRedis.keep()
			t.Logf("keys kept: %s* at %s\nserve them again with: %s", prefix, server.address(), server.restartHint())
		}
	})
	return server.address(), prefix
}

// StartRedis starts a Redis server for one test and removes it when the test
// ends.
func StartRedis(t testing.TB, options RedisOptions) *Server {
	t.Helper()
	server, err := newRedis(options)
	if err != nil {
		skipOrFail(t, "Redis", err)
	}
	return register(t, server)
}

// redis is one Redis server: a folder and, while it runs, a process.
type redis struct {
	program     string
	dir         string
	config      string // path of the configuration file
	port        int
	password    string
	environment []string
	process     *process
}

func newRedis(options RedisOptions) (*redis, error) {
	if errUnsupported != nil {
		return nil, errUnsupported
	}
	program, err := findRedis()
	if err != nil {
		return nil, err
	}
	s := &redis{program: program, password: cmp.Or(options.Password, rand.Text()), environment: options.Environment}
	if s.dir, err = newFolder("redis"); err != nil {
		return nil, err
	}
	if s.port, err = freePort(); err == nil {
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
		// By default it is the port plus 10000, a port of outgoing connections.
		if busPort, err = freePort(); err != nil {
			return err
		}
	}
	// The password is in a file because other users can read a command line.
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
	cmd := exec.Command(s.program, s.config)
	cmd.Dir, cmd.Env = s.dir, append(os.Environ(), s.environment...)
	var err error
	s.process, err = launch(cmd, s.log(), syscall.SIGKILL, s.ready)
	return err
}

// ready sends a PING. The response is an error while the server loads its data.
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
	replies := bufio.NewScanner(conn)
	return replies.Scan() && replies.Text() == "+OK" && replies.Scan() && replies.Text() == "+PONG"
}

func (s *redis) stop(mode Mode) error {
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
