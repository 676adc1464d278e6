package export

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/eventagg/eventagg/pkg/atomicfile"
	"github.com/eventagg/eventagg/pkg/store"
)

// File is an export. Use Open or NewStream to make one.
type File struct {
	path string           // as given
	file *atomicfile.File // nil for a stream, a pipe or a device
	pipe *os.File         // a pipe or a device

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
// existing file is an error, unless replace is set. Only the owner may read a new one.
// Pipes and devices are written to as they are. The errors are those of
// [atomicfile.Create].
func Open(path string, replace bool) (*File, error) {
	f := &File{path: path}
	if err := f.open(replace); err != nil {
		return nil, f.wrap(err)
	}
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

func (f *File) open(replace bool) (err error) {
	f.file, err = atomicfile.Create(f.path, replace)
	if err == nil {
		f.written.to = f.file
		return nil
	}
	f.file = nil
	if errors.Is(err, atomicfile.ErrSpecial) { // it can't be replaced by a file
		f.pipe, err = os.OpenFile(f.path, os.O_WRONLY, 0)
		f.written.to = f.pipe
	}
	return err
}

// Write adds records.
func (f *File) Write(records []store.Record) error {
	for _, r := range records {
		f.line = AppendLine(f.line[:0], r)
		if _, err := f.buffer.Write(f.line); err != nil {
			return f.wrap(err)
		}
	}
	if f.file == nil { // a reader of the stream may be waiting
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
	switch {
	case err != nil:
	case f.file != nil:
		err = f.file.Commit()
	case f.pipe != nil:
		err = f.pipe.Close()
	}
	return f.wrap(err)
}

// Discard removes an incomplete file. After Commit it does nothing.
func (f *File) Discard() {
	if f.compressor != nil {
		f.written.to = io.Discard
		_ = f.compressor.Close() // ends the goroutines of zstd
	}
	if f.file != nil {
		f.file.Discard()
	}
	if f.pipe != nil {
		_ = f.pipe.Close()
	}
}

// Bytes returns the number of bytes written to the file, after compression.
func (f *File) Bytes() int64 { return f.written.n }

// wrap names the path as the caller gave it.
func (f *File) wrap(err error) error {
	if f.file != nil {
		return f.file.Wrap(err)
	}
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("write %s: %w", cmp.Or(f.path, "standard output"), pathError.Err)
	}
	return err
}
