//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server under measurement.
type process struct {
	cmd *exec.Cmd
	url string
}

// listening matches the address that a server prints at its start.
var listening = regexp.MustCompile(`http://[0-9.]+:\d+`)

// start starts a server and waits until it prints its address.
func start(ctx context.Context, name string, args ...string) (*process, error) {
	cmd := exec.CommandContext(ctx, name, args...) //nolint:gosec // our own binaries
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	// Ctrl-C goes only to this program, which stops the others. If this program
	// dies, the kernel stops them.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{cmd: cmd}
	lines := bufio.NewScanner(stderr)
	var output bytes.Buffer
	for p.url == "" && lines.Scan() {
		fmt.Fprintln(&output, lines.Text())
		p.url = listening.FindString(lines.Text())
	}
	if p.url == "" {
		return nil, errors.Join(fmt.Errorf("%s did not print its address: %s", name, output.String()), cmd.Wait())
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	return p, nil
}

// stop stops the server like an operator.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	_ = p.cmd.Wait() // the reference server returns the signal as error
	return nil
}

// cpu returns the CPU time of the process.
func (p *process) cpu() (time.Duration, error) {
	times, err := readTimes(p.cmd.Process.Pid)
	return times.own, err
}

// processTimes is the CPU time of a process, and of its children that have ended.
type processTimes struct {
	parent      int
	own, reaped time.Duration
}

func readTimes(pid int) (processTimes, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return processTimes{}, fmt.Errorf("read CPU time: %w", err)
	}
	// The second field is the name in parentheses and may contain spaces.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	var errs []error
	number := func(at int) int {
		value, err := strconv.Atoi(fields[at])
		errs = append(errs, err)
		return value
	}
	const tick = 10 * time.Millisecond // USER_HZ is 100 on every Linux that Go runs on
	times := processTimes{
		parent: number(1),
		own:    time.Duration(number(11)+number(12)) * tick,
		reaped: time.Duration(number(13)+number(14)) * tick,
	}
	return times, errors.Join(errs...)
}

// familyCPU returns the CPU time of a process and of all its children. PostgreSQL has
// one child per connection.
func familyCPU(pid int) (time.Duration, error) {
	family, err := readTimes(pid)
	if err != nil {
		return 0, err
	}
	sum := family.own + family.reaped
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, fmt.Errorf("list processes: %w", err)
	}
	for _, folder := range folders {
		child, err := strconv.Atoi(filepath.Base(folder))
		if err != nil {
			continue
		}
		if times, err := readTimes(child); err == nil && times.parent == pid { // otherwise it has ended
			sum += times.own
		}
	}
	return sum, nil
}

// peakMemory returns the peak memory of the process in bytes.
func (p *process) peakMemory() (int64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
	if err != nil {
		return 0, fmt.Errorf("read memory: %w", err)
	}
	for line := range strings.Lines(string(data)) {
		if rest, found := strings.CutPrefix(line, "VmHWM:"); found {
			kib, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kib << 10, err
		}
	}
	return 0, errors.New("read memory: no VmHWM line")
}
