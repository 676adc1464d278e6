package export

import (
	"bufio"
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/eventagg/eventagg/pkg/store"
)

// Errors of Open and Commit, to be matched with [errors.Is].
var (
	// ErrFolder is returned if the path is a folder.
	ErrFolder = errors.New("is a folder")
	// ErrExists is returned if there is a file that may not be replaced.
	ErrExists = errors.New("already exists")
	// ErrBrokenLink is returned for a symbolic link whose target doesn't exist.
	ErrBrokenLink = errors.New("is a link whose target does not exist")
)

// File is an export. Use Open or NewStream to make one.
type File struct {
	path    string // as given
	final   string // with links resolved; empty for a stream
	partial string // the file until Commit
	replace bool
	mode    fs.FileMode

	file       *os.File // nil for a stream that isn't ours
	written    countingWriter
	compressor io.WriteCloser // nil without compression
	buffer     *bufio.Writer
	line       []byte
}

// countingWriter counts the bytes written to another writer.
type countingWriter struct {
	to io.Writer
	n  int64
}

// Write writes to the other writer.
func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.to.Write(p)
	w.n += int64(n)
	return n, err
}

// bufferBytes is the number of bytes gathered for one write.
const bufferBytes = 256 << 10

// NewStream returns an export to a writer, such as standard output. Each call of
// Write reaches the writer at once.
func NewStream(to io.Writer) *File {
	f := &File{written: countingWriter{to: to}}
	f.buffer = bufio.NewWriterSize(&f.written, bufferBytes)
	return f
}

// Open creates an export to a path, compressed if it ends with .gz or .zst. An
// existing file is an error, unless replace is set. Only the owner may read a new one. Pipes and devices are written
// to as they are.
func Open(path string, replace bool) (*File, error) {
	f := &File{path: path, replace: replace, mode: 0o600}
	if err := f.open(); err != nil {
		return nil, f.wrap(err)
	}
	f.written.to = f.file
	var top io.Writer = &f.written
	switch {
	case strings.HasSuffix(path, ".gz"):
		f.compressor = gzip.NewWriter(top)
	case strings.HasSuffix(path, ".zst"):
		compressor, err := zstd.NewWriter(top)
		if err != nil {
			f.Discard()
			return nil, err
		}
		f.compressor = compressor
	}
	if f.compressor != nil {
		top = f.compressor
	}
	f.buffer = bufio.NewWriterSize(top, bufferBytes)
	return f, nil
}

func (f *File) open() error {
	path := f.path
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Lstat(path); err == nil {
			return ErrBrokenLink
		}
	case err != nil:
		return err
	case info.IsDir():
		return ErrFolder
	case !info.Mode().IsRegular(): // a pipe or device can't be replaced by a file
		f.file, err = os.OpenFile(path, os.O_WRONLY, 0)
		return err
	case !f.replace:
		return ErrExists
	default:
		f.mode = info.Mode().Perm()
		// The target of a link is replaced, not the link.
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return err
		}
	}
	f.final = path
	f.partial = filepath.Join(filepath.Dir(path), "."+filepath.Base(path)+"."+rand.Text()[:8]+".partial")
	if f.file, err = os.OpenFile(f.partial, os.O_WRONLY|os.O_CREATE|os.O_EXCL, f.mode); err != nil || info == nil {
		return err
	}
	return f.file.Chmod(f.mode) // keeps the mode of the replaced file, whatever the umask is
}

// Write adds records.
func (f *File) Write(records []store.Record) error {
	for _, r := range records {
		f.line = AppendLine(f.line[:0], r)
		if _, err := f.buffer.Write(f.line); err != nil {
			return f.wrap(err)
		}
	}
	if f.final == "" { // a reader of the stream may be waiting
		return f.wrap(f.buffer.Flush())
	}
	return nil
}

// Commit writes the rest and gives the file its name, once all of it is on disk.
func (f *File) Commit() error {
	err := f.buffer.Flush()
	if f.compressor != nil {
		err = errors.Join(err, f.compressor.Close())
		f.compressor = nil
	}
	if f.final != "" {
		err = errors.Join(err, f.file.Sync())
	}
	if f.file != nil {
		err = errors.Join(err, f.file.Close())
		f.file = nil
	}
	if err == nil && f.final != "" {
		err = f.rename()
	}
	return f.wrap(err)
}

// rename gives the file its name. A file that was created there meanwhile stays,
// unless it may be replaced.
func (f *File) rename() error {
	if !f.replace {
		err := os.Link(f.partial, f.final)
		if errors.Is(err, fs.ErrExist) {
			return ErrExists
		}
		if err == nil {
			return os.Remove(f.partial)
		}
		// This file system may have no links.
	}
	return os.Rename(f.partial, f.final)
}

// Discard removes an incomplete file. After Commit it does nothing.
func (f *File) Discard() {
	if f.compressor != nil {
		f.written.to = io.Discard
		_ = f.compressor.Close() // ends the goroutines of zstd
	}
	if f.file != nil {
		_ = f.file.Close()
	}
	if f.partial != "" {
		_ = os.Remove(f.partial)
	}
}

// Bytes returns the number of bytes written to the file, after compression.
func (f *File) Bytes() int64 { return f.written.n }

// wrap names the path as the caller gave it, not the partial file.
func (f *File) wrap(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrFolder) || errors.Is(err, ErrExists) || errors.Is(err, ErrBrokenLink) {
		return fmt.Errorf("%s %w", f.path, err)
	}
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("write %s: %w", cmp.Or(f.path, "standard output"), pathError.Err)
	}
	return err
}
