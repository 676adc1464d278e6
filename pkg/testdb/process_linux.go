package testdb

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
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

// freeze stops a process and its children, and returns what lets them go on.
// PostgreSQL makes each of its processes a session of its own, so there is no
// group to signal. A parent that is stopped first has no further children.
//
// A process that is stopped does not hear that it should end. So it is a shell
// that wakes them, when its input ends: that is what thaw does, and also what
// happens when the test binary dies.
func freeze(pid int) (thaw func() error, err error) {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return nil, fmt.Errorf("signal %d: %w", pid, err)
	}
	stopped := []string{strconv.Itoa(pid)}
	for _, child := range children(pid) {
		if syscall.Kill(child, syscall.SIGSTOP) == nil { // else it has ended meanwhile
			stopped = append(stopped, strconv.Itoa(child))
		}
	}
	guard := exec.Command("sh", append([]string{"-c", `read -r line; kill -s CONT "$@" || true`, "sh"}, stopped...)...)
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is not for it
	input, err := guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		return nil, errors.Join(err, syscall.Kill(pid, syscall.SIGCONT))
	}
	return func() error { return errors.Join(input.Close(), guard.Wait()) }, nil
}

// children are the processes that a process has started.
func children(pid int) []int {
	var found []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // has ended meanwhile
		}
		// "pid (name) state ppid …"; a name may hold spaces and parentheses.
		fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
		if len(fields) < 2 || string(fields[1]) != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			found = append(found, child)
		}
	}
	return found
}

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
