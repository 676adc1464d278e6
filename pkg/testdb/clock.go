package testdb

import (
	_ "embed"
	native "encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

//go:embed testdata/clock.c
var clockSource string

// clock makes the clock of a C program wrong, by a file that all its processes
// look into.
type clock struct {
	library, file string
}

// newClock compiles what is loaded into a server whose data is in dir; without
// wanted it is nil, which changes nothing.
func newClock(dir string, wanted bool) (*clock, error) {
	if !wanted {
		return nil, nil
	}
	compiler, err := exec.LookPath("cc")
	if err != nil {
		return nil, fmt.Errorf("cc: %w", errMissing)
	}
	source, err := writeFile(dir, "clock.c", clockSource)
	if err != nil {
		return nil, err
	}
	c := &clock{library: filepath.Join(dir, "clock.so")}
	if out, err := exec.Command(compiler, "-shared", "-fPIC", "-O2", "-o", c.library, source).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("cc: %w: %s", err, out)
	}
	c.file, err = writeFile(dir, "clock", string(make([]byte, 8)))
	return c, errors.Join(err, handOver(c.library))
}

// environment is what a server is started with, nil for this process' own.
func (c *clock) environment() []string {
	if c == nil {
		return nil
	}
	return append(os.Environ(), "LD_PRELOAD="+c.library, "CLOCK_FILE="+c.file)
}

var errNoClock = errors.New("it was started without Clock")

// set makes the clock wrong from now on. The file keeps its place, since the
// server has it in memory.
func (c *clock) set(wrong time.Duration) error {
	if c == nil {
		return errNoClock
	}
	seconds := native.NativeEndian.AppendUint64(nil, uint64(int64(wrong/time.Second)))
	file, err := os.OpenFile(c.file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(seconds, 0)
	return errors.Join(err, file.Close())
}
