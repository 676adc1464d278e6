//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// Named values of -settings. The alternative is a list: name=value,name=value.
const (
	settingsDefault = "default"
	settingsCompose = "compose"
)

// settingsOf returns the settings that differ from the defaults of PostgreSQL.
func settingsOf(name string) ([]string, error) {
	switch {
	case name == settingsDefault:
		return nil, nil
	case name == settingsCompose: // what docker-compose.yml ships
		return []string{"shared_buffers=512MB", "max_wal_size=4GB", "checkpoint_timeout=15min"}, nil
	case strings.Contains(name, "="):
		return strings.Split(name, ","), nil
	default:
		return nil, fmt.Errorf("invalid -settings %q: must be %s, %s or a list of name=value", name, settingsDefault, settingsCompose)
	}
}

// settingsFilling returns fast and unsafe settings for filling a table. The server is
// restarted with other settings before the measurements.
func settingsFilling() []string {
	return []string{"fsync=off", "full_page_writes=off", "synchronous_commit=off", "shared_buffers=1GB", "max_wal_size=16GB", "checkpoint_timeout=1h"}
}

// postgres is a private server of this run.
type postgres struct {
	folder string
	port   int
	owner  *syscall.Credential
	cmd    *exec.Cmd // while it runs
	ended  chan struct{}
	url    string    // up to the name of the database
	conn   *pgx.Conn // to the database postgres
}

// newPostgres creates a server in a new folder, without starting it.
func newPostgres(ctx context.Context, folder string) (*postgres, error) {
	p := &postgres{folder: folder}
	var err error
	if p.owner, err = serverOwner(); err != nil {
		return nil, err
	}
	if err := os.Mkdir(folder, 0o700); err != nil {
		return nil, fmt.Errorf("create a folder: %w", err)
	}
	if p.owner != nil {
		if err := os.Chown(folder, int(p.owner.Uid), int(p.owner.Gid)); err != nil {
			return nil, fmt.Errorf("change the owner of a folder: %w", err)
		}
	}
	create := exec.CommandContext(ctx, "initdb", "-D", p.data(), "-U", "eventagg", "-A", "trust", "--locale=C.UTF-8", "--encoding=UTF8") //nolint:gosec // our own folder
	create.Dir, create.SysProcAttr = folder, &syscall.SysProcAttr{Credential: p.owner}
	if output, err := create.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, output)
	}
	if p.port, err = freePort(); err != nil {
		return nil, err
	}
	p.url = fmt.Sprintf("postgres://eventagg@127.0.0.1:%d/", p.port)
	return p, nil
}

func (p *postgres) data() string { return filepath.Join(p.folder, "data") }

// start starts the server and waits until it accepts connections.
func (p *postgres) start(ctx context.Context, settings []string) error {
	args := append(make([]string, 0, 8+2*len(settings)), "-D", p.data(), "-h", "127.0.0.1", "-p", strconv.Itoa(p.port), "-k", "")
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	p.cmd = exec.Command("postgres", args...) //nolint:gosec // the settings are of this file
	// SIGQUIT is the immediate shutdown. The data is not needed.
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGQUIT, Credential: p.owner}
	var output bytes.Buffer
	p.cmd.Dir, p.cmd.Stderr = p.folder, &output
	if err := p.cmd.Start(); err != nil {
		return fmt.Errorf("start postgres: %w", err)
	}
	p.ended = make(chan struct{})
	go func() {
		_ = p.cmd.Wait() // fails after an immediate shutdown
		close(p.ended)
	}()
	if err := p.connect(ctx); err != nil {
		return errors.Join(err, p.end(syscall.SIGQUIT), errors.New(output.String()))
	}
	return nil
}

// connect waits until the server accepts connections.
func (p *postgres) connect(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	retry := time.NewTicker(50 * time.Millisecond)
	defer retry.Stop()
	for {
		var err error
		if p.conn, err = pgx.Connect(ctx, p.url+"postgres"); err == nil {
			return nil
		}
		select {
		case <-retry.C:
		case <-p.ended:
			return errors.New("postgres has ended")
		case <-ctx.Done():
			return fmt.Errorf("connect to postgres: %w", err)
		}
	}
}

// restart stops the server cleanly and starts it with other settings.
func (p *postgres) restart(ctx context.Context, settings []string) error {
	if err := errors.Join(p.conn.Close(ctx), p.end(syscall.SIGINT)); err != nil {
		return err
	}
	return p.start(ctx, settings)
}

// close stops the server at once.
func (p *postgres) close() error { return p.end(syscall.SIGQUIT) }

func (p *postgres) end(signal syscall.Signal) error {
	if err := p.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop postgres: %w", err)
	}
	<-p.ended
	return nil
}

// exec runs one statement in the database that p is connected to.
func (p *postgres) exec(ctx context.Context, statement string) error {
	if _, err := p.conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// written returns the number of bytes written to the write-ahead log.
func (p *postgres) written(ctx context.Context) (int64, error) {
	var position int64
	err := p.conn.QueryRow(ctx, `SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint`).Scan(&position)
	if err != nil {
		return 0, fmt.Errorf("read the log position: %w", err)
	}
	return position, nil
}

// serverOwner returns the user to run PostgreSQL as, because it refuses to run as
// root. nil means the current user.
func serverOwner() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		account, err = user.Lookup("nobody")
	}
	if err != nil {
		return nil, fmt.Errorf("find a user for postgres: %w", err)
	}
	uid, errUID := strconv.ParseUint(account.Uid, 10, 32)
	gid, errGID := strconv.ParseUint(account.Gid, 10, 32)
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, errors.Join(errUID, errGID)
}

// freePort returns a port that is free now.
func freePort() (int, error) {
	listener, err := net.ListenTCP("tcp", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		return 0, fmt.Errorf("find a port: %w", err)
	}
	_, text, err := net.SplitHostPort(listener.Addr().String())
	if err != nil {
		return 0, fmt.Errorf("find a port: %w", err)
	}
	port, err := strconv.Atoi(text)
	return port, errors.Join(err, listener.Close())
}
