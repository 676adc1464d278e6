package loadgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

// DefaultMaxLineBytes is the longest line that is taken: an event of 1 MiB and
// some white space.
const DefaultMaxLineBytes = 1<<20 + 4<<10

// FileOptions say how the lines of a file become a run.
type FileOptions struct {
	// DupRate is the share of the run that repeats an earlier line, from 0 to
	// below 1. All lines are sent, and the repeats come on top.
	DupRate float64
	// Seed decides which lines are repeated.
	Seed uint64
	// Remember keeps every key and a hash of every content, so that the run
	// can be verified. It takes some 200 bytes a line; nothing else grows.
	Remember bool
	// MaxLineBytes bounds a line; 0 is DefaultMaxLineBytes.
	MaxLineBytes int
	// OnInvalid is told every line that is not a valid event, by its number from
	// 1 (blank lines counted). It is called by one goroutine at a time.
	OnInvalid func(line int64, err error)
}

// File is a run over NDJSON: one event a line, blank lines skipped, plain or
// compressed with gzip or zstd. It reads ahead a little, and otherwise keeps a
// bounded number of lines.
type File struct {
	options FileOptions
	chunks  chan []parsedLine
	closed  chan struct{}
	close   sync.Once

	mu        sync.Mutex
	chunk     []parsedLine
	err       error // once reading has failed
	slot      int64
	originals int64
	repeats   int64
	bad       int64
	earlier   reservoir
	known     *keyIndex // nil unless options.Remember
}

// parsedLine is one line that is not blank, or why reading ended.
type parsedLine struct {
	number int64
	event  event.Event
	err    error
	end    bool
}

// ErrArray says that the file begins as a JSON array does, worded to follow "it".
// Match it with [errors.Is] in what FileOptions.Invalid is told.
var ErrArray = errors.New("looks like an array, and not like one event a line")

// otherForm adds to what is wrong with the first line, which begins with head,
// that the whole file may be in another form than lines.
func otherForm(err error, head []byte) error {
	if bytes.HasPrefix(head, []byte("[")) {
		return fmt.Errorf("%w; it %w", err, ErrArray)
	}
	return err
}

// NewFile starts to read. Close ends that; a read that blocks at that moment
// ends with its reader.
func NewFile(in io.Reader, o FileOptions) (*File, error) {
	if !(o.DupRate >= 0 && o.DupRate < 1) {
		return nil, fmt.Errorf("dup-rate must be from 0 to below 1, is %v", o.DupRate)
	}
	if o.MaxLineBytes == 0 {
		o.MaxLineBytes = DefaultMaxLineBytes
	}
	if o.OnInvalid == nil {
		o.OnInvalid = func(int64, error) {}
	}
	f := &File{
		options: o, chunks: make(chan []parsedLine, 2), closed: make(chan struct{}),
		earlier: reservoir{seed: o.Seed},
	}
	if o.Remember {
		f.known = newKeyIndex()
	}
	go f.pump(&decompressor{in: in})
	return f, nil
}

// Close stops reading. The lines that were read ahead may still be handed out.
func (f *File) Close() { f.close.Do(func() { close(f.closed) }) }

// Bounds of what is handed over at once.
const (
	chunkLines = 64
	chunkBytes = 256 << 10
)

// pump reads and decodes in a goroutine of its own, since reading from a
// terminal or a pipe can't be interrupted and workers must be.
func (f *File) pump(in *decompressor) {
	defer close(f.chunks)
	defer in.Close()
	lines := codec.NewLineReader(in, f.options.MaxLineBytes)
	for first := true; ; {
		var chunk []parsedLine
		for size := 0; len(chunk) == 0 || len(chunk) < chunkLines && size < chunkBytes && lines.Buffered(); {
			text, err := lines.Next()
			line := parsedLine{number: lines.Number(), err: err}
			switch {
			case err == nil:
				line.event, line.err = codec.Decode(text)
			case !errors.Is(err, codec.ErrLineTooLong):
				line.end = true
			}
			if first && line.err != nil && !line.end {
				line.err = otherForm(line.err, lines.Prefix())
			}
			first = false
			chunk = append(chunk, line)
			size += len(text)
			if line.end {
				break
			}
		}
		select {
		case f.chunks <- chunk:
		case <-f.closed:
			return
		}
		if chunk[len(chunk)-1].end {
			return
		}
	}
}

// Next hands out lines in their order, and repeats among them. An error of the
// reader is answered once, to one caller.
func (f *File) Next(ctx context.Context, batch *Batch, n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	*batch = Batch{Slot: f.slot, Items: batch.Items[:0]}
	for len(batch.Items) < n {
		if f.repeats < f.repeatsDue() {
			batch.Items = append(batch.Items, f.earlier.pick(f.slot))
			f.repeats++
			f.slot++
			continue
		}
		line, ok := f.take(ctx)
		if !ok {
			break
		}
		if line.err != nil {
			f.bad++
			f.options.OnInvalid(line.number, line.err)
			continue
		}
		item := Item{Event: line.event, Ref: f.known.ref(line.event), Line: line.number}
		f.earlier.offer(f.originals, item)
		f.originals++
		f.slot++
		batch.Items = append(batch.Items, item)
	}
	err := f.err
	if len(batch.Items) == 0 {
		f.err = nil
		return err
	}
	return nil
}

// take returns the next line; false at the end, and when ctx ends first.
func (f *File) take(ctx context.Context) (parsedLine, bool) {
	for len(f.chunk) == 0 {
		select {
		case chunk, open := <-f.chunks:
			if !open {
				return parsedLine{}, false
			}
			f.chunk = chunk
		case <-ctx.Done():
			return parsedLine{}, false
		}
	}
	line := f.chunk[0]
	f.chunk = f.chunk[1:]
	if line.end {
		if !errors.Is(line.err, io.EOF) {
			f.err = line.err
		}
		return parsedLine{}, false
	}
	return line, true
}

// repeatsDue is how many repeats there must be for the lines sent so far. With
// d repeats for n lines, d ÷ (n+d) is the rate.
func (f *File) repeatsDue() int64 {
	return int64(math.Round(float64(f.originals) * f.options.DupRate / (1 - f.options.DupRate)))
}

// Total is 0: the end of a file is known when it is reached.
func (f *File) Total() int64 { return 0 }

// Bad is how many lines were no valid events.
func (f *File) Bad() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bad
}

// Key returns the key with that index. It implements [Originals], for a file
// that remembers.
func (f *File) Key(index int64) event.Key {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known.keys[index]
}

// Matches reports whether what is stored says the same as that version of what
// was sent under the key; any version will do where it is negative. It
// implements [Originals], for a file that remembers.
func (f *File) Matches(index int64, version int, stored event.Event) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known.matches(index, version, stored)
}
