package testdb

import (
	"bytes"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
)

// supported is nil where servers can be started.
var supported error

// attributes makes a process a group of its own, so that Ctrl-C reaches it by
// way of the tests only, and has the kernel end it with the tests.
func attributes(onDeath syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: onDeath, Credential: credential()}
}

// credential is who servers run as: nil for oneself, unless that is root.
func credential() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		account, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errUID := strconv.ParseUint(account.Uid, 10, 32)
		gid, errGID := strconv.ParseUint(account.Gid, 10, 32)
		if errUID == nil && errGID == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid), NoSetGroups: false}
		}
	}
	return nil
}

// handOver gives a file to the user whom servers run as.
func handOver(path string) error {
	who := credential()
	if who == nil {
		return nil
	}
	return os.Chown(path, int(who.Uid), int(who.Gid))
}

// signalTree signals a process and then its children. PostgreSQL makes each of
// its processes a session of its own, so there is no group to signal. A parent
// that is stopped first has no further children.
func signalTree(pid int, signal syscall.Signal) error {
	if err := syscall.Kill(pid, signal); err != nil {
		return fmt.Errorf("signal %d: %w", pid, err)
	}
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return err
	}
	for _, path := range stats {
		text, err := os.ReadFile(path) //nolint:gosec // below /proc
		if err != nil {
			continue // has ended meanwhile
		}
		// "pid (name) state ppid …"; a name may hold spaces and parentheses.
		_, rest, _ := bytes.Cut(text, []byte(" "))
		fields := bytes.Fields(rest[bytes.LastIndexByte(rest, ')')+1:])
		if len(fields) < 2 || string(fields[1]) != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			_ = syscall.Kill(child, signal) // may have ended meanwhile
		}
	}
	return nil
}

func freeze(pid int) error { return signalTree(pid, syscall.SIGSTOP) }
func thaw(pid int) error   { return signalTree(pid, syscall.SIGCONT) }

// tellParent writes to the standard error of the go command, which runs the
// test binary as its child.
func tellParent(line string) {
	parent := strconv.Itoa(os.Getppid())
	name, err := os.ReadFile(filepath.Join("/proc", parent, "comm"))
	if err != nil || string(name) != "go\n" {
		return
	}
	out, err := os.OpenFile(filepath.Join("/proc", parent, "fd", "2"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return
	}
	defer func() { _ = out.Close() }()
	// A terminal or a pipe has one place to write to; in a file the go command
	// would go on at the place it knows and write over the line.
	if info, err := out.Stat(); err == nil && !info.Mode().IsRegular() {
		_, _ = out.WriteString(line)
	}
}
