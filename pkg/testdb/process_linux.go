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

// errUnsupported is nil because servers can be started on Linux.
var errUnsupported error

// dataFolder is the parent of the servers' folders. A folder in memory is
// preferred: CREATE DATABASE copies 300 files.
func dataFolder() string {
	const memory, enough = "/dev/shm", 2 << 30
	var stat syscall.Statfs_t
	if dir := os.Getenv(envDir); dir != "" {
		return dir
	}
	if err := syscall.Statfs(memory, &stat); err == nil && stat.Bavail*uint64(stat.Bsize) >= enough {
		return memory
	}
	return os.TempDir()
}

// processAttributes makes a process a group of its own, so that Ctrl-C reaches
// only the tests. The kernel sends onDeath to it when the tests end.
func processAttributes(onDeath syscall.Signal) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: onDeath, Credential: credential()}
}

// credential is the user of the servers: nil for the current user, unless that is
// root.
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

// chownToServerUser makes the servers' user the owner of a file.
func chownToServerUser(path string) error {
	owner := credential()
	if owner == nil {
		return nil
	}
	return os.Chown(path, int(owner.Uid), int(owner.Gid))
}

// freeze stops a process and its children, and returns the function that
// continues them. There is no group to signal, because each PostgreSQL process is
// a session of its own. The parent is stopped first, so that it can't start more
// children.
//
// A stopped process ignores every signal but SIGKILL. A shell therefore waits for
// the end of its input and then continues them: resume closes the input, and so
// does the death of the test binary.
func freeze(pid int) (resume func() error, err error) {
	if err := syscall.Kill(pid, syscall.SIGSTOP); err != nil {
		return nil, fmt.Errorf("signal %d: %w", pid, err)
	}
	stopped := []string{strconv.Itoa(pid)}
	for _, child := range children(pid) {
		if syscall.Kill(child, syscall.SIGSTOP) == nil { // an error means that it has ended
			stopped = append(stopped, strconv.Itoa(child))
		}
	}
	guard := exec.Command("sh", append([]string{"-c", `read -r line; kill -s CONT "$@" || true`, "sh"}, stopped...)...)
	guard.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C must not reach it
	input, err := guard.StdinPipe()
	if err == nil {
		err = guard.Start()
	}
	if err != nil {
		return nil, errors.Join(err, syscall.Kill(pid, syscall.SIGCONT))
	}
	return func() error { return errors.Join(input.Close(), guard.Wait()) }, nil
}

// children returns the IDs of the child processes of a process.
func children(pid int) []int {
	var found []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
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
