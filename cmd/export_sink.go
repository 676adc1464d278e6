package cmd

import (
	"bufio"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/eventagg/eventagg/pkg/store"
)

// sink takes the events of an export: a file, which has its name only once it is
// whole, or a stream.
type sink struct {
	name    string // as the user calls it
	path    string // where the file will be, "" for a stream
	partial string // where it is until then
	force   bool
	mode    fs.FileMode

	file    *os.File // nil for standard output
	written countingWriter
	packer  io.WriteCloser // nil where nothing is compressed
	buffer  *bufio.Writer
	line    []byte
}

// countingWriter counts what goes through it.
type countingWriter struct {
	to io.Writer
	n  int64
}

// Write writes on.
func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.n += int64(n)
	return n, err
}

// sinkBytes is how much is gathered before it is written.
const sinkBytes = 256 << 10

// openSink opens what --out names. The name - is standard output.
func openSink(name string, force bool, stdout io.Writer) (*sink, error) {
	s := &sink{name: name, force: force, mode: 0o666}
	s.written.to = stdout
	if name != stdStream {
		if err := s.open(); err != nil {
			return nil, s.explain(err)
		}
		s.written.to = s.file
	}
	var top io.Writer = &s.written
	switch {
	case strings.HasSuffix(name, ".gz"):
		s.packer = gzip.NewWriter(top)
	case strings.HasSuffix(name, ".zst"):
		packer, err := zstd.NewWriter(top)
		if err != nil {
			s.discard()
			return nil, err
		}
		s.packer = packer
	}
	if s.packer != nil {
		top = s.packer
	}
	s.buffer = bufio.NewWriterSize(top, sinkBytes)
	return s, nil
}

// open opens the file. What is no regular file, as a pipe or a device, can't be
// replaced by one: it is written to.
func (s *sink) open() error {
	path := s.name
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(path); err == nil {
			return withHint(fmt.Errorf("%s is a link that leads nowhere", s.name), "Make the folder and file that it leads to, or choose another name with --out.")
		}
	case err != nil:
		return err
	case info.IsDir():
		return withHint(fmt.Errorf("%s is a folder", s.name), "--out names a file in it, such as %s.", filepath.Join(s.name, "events.ndjson.zst"))
	case !info.Mode().IsRegular():
		s.file, err = os.OpenFile(path, os.O_WRONLY, 0)
		return err
	case !s.force:
		return s.exists()
	default:
		s.mode = info.Mode().Perm()
		// The file that a link leads to is replaced, and not the link.
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
	}
	s.path = path
	s.partial = filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:8]+".partial")
	if s.file, err = os.OpenFile(s.partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, s.mode); err != nil || info == nil {
		return err
	}
	return s.file.Chmod(s.mode) // of a file that is replaced, whatever the umask
}

func (s *sink) exists() error {
	return withHint(fmt.Errorf("%s is there already", s.name), "Choose another name with --out, or replace it with --force.")
}

// write adds events.
func (s *sink) write(records []store.Record) error {
	for _, r := range records {
		s.line = appendJSONLine(s.line[:0], r)
		if _, err := s.buffer.Write(s.line); err != nil {
			return s.explain(err)
		}
	}
	if s.path == "" { // somebody may be reading
		return s.explain(s.buffer.Flush())
	}
	return nil
}

// commit writes what is left, and gives the file its name once all of it is on
// the disk.
func (s *sink) commit() error {
	err := s.buffer.Flush()
	if s.packer != nil {
		err = errors.Join(err, s.packer.Close())
		s.packer = nil
	}
	if s.path != "" {
		err = errors.Join(err, s.file.Sync())
	}
	if s.file != nil {
		err = errors.Join(err, s.file.Close())
		s.file = nil
	}
	if err == nil && s.path != "" {
		err = s.place()
	}
	return s.explain(err)
}

// place renames the file. One that has come to be there meanwhile stays.
func (s *sink) place() error {
	if !s.force {
		err := os.Link(s.partial, s.path)
		if errors.Is(err, fs.ErrExist) {
			return s.exists()
		}
		if err == nil {
			return os.Remove(s.partial)
		}
		// Not every file system has links.
	}
	return os.Rename(s.partial, s.path)
}

// discard takes away a file that is not whole. After commit it does nothing.
func (s *sink) discard() {
	if s.packer != nil {
		s.written.to = io.Discard
		_ = s.packer.Close() // which ends the goroutines of zstd
	}
	if s.file != nil {
		_ = s.file.Close()
	}
	if s.partial != "" {
		_ = os.Remove(s.partial)
	}
}

// bytes is how much was written.
func (s *sink) bytes() int64 { return s.written.n }

// explain words an error of the file by the name that the user knows.
func (s *sink) explain(err error) error {
	if err == nil {
		return nil
	}
	var broken *fs.PathError
	if !errors.As(err, &broken) {
		return err
	}
	err = fmt.Errorf("write %s: %w", s.name, broken.Err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return withHint(err, "The disk is full. Make room, or choose another place with --out; a name that ends with .zst takes least.")
	}
	return err
}
