package loadgen

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"
	"time"

	"github.com/eventagg/eventagg/pkg/event"
	"github.com/eventagg/eventagg/pkg/event/codec"
)

// DefaultMaxLineBytes is the default maximum length of a line: an event of 1 MiB
// and some white space.
const DefaultMaxLineBytes = 1<<20 + 4<<10

// DefaultFlushInterval is the default time after which an incomplete batch is sent.
const DefaultFlushInterval = 200 * time.Millisecond

// FileOptions configure a File.
type FileOptions struct {
	// DupRate is the fraction of the run that repeats an earlier line, at least 0
	// and less than 1. All lines are sent; repeats are additional.
	DupRate float64
	// Seed determines which lines are repeated.
	Seed uint64
	// Remember keeps each key and a hash of each content, so that the run can be
	// verified. It takes about 200 bytes per line; nothing else grows.
	Remember bool
	// MaxLineBytes is the maximum length of a line. 0 means DefaultMaxLineBytes.
	MaxLineBytes int
	// FlushInterval is how long Next waits for more lines after the first one of a
	// batch, if its input is slow. 0 means DefaultFlushInterval.
	FlushInterval time.Duration
	// OnInvalid is called for each line that is not a valid event, with its
	// number from 1 (blank lines count). One goroutine at a time calls it.
	OnInvalid func(line int64, err error)
}

// File is a run over NDJSON: one event per line, blank lines skipped, plain or
// compressed with gzip or zstd. It reads ahead, and keeps a limited number of
// lines.
type File struct {
	options FileOptions
	chunks  chan []parsedLine
	closed  chan struct{}
	close   sync.Once

	mu        sync.Mutex
	chunk     []parsedLine
	err       error // of reading
	slot      int64
	originals int64
	repeats   int64
	bad       int64
	earlier   reservoir
	known     *keyIndex // nil unless options.Remember
}

// parsedLine is one line that is not blank, or the reason why reading ended.
type parsedLine struct {
	number int64
	event  event.Event
	err    error
	end    bool
}

// ErrArray reports that the file looks like a JSON array. Match it with [errors.Is]
// in the error passed to FileOptions.OnInvalid.
var ErrArray = errors.New("the file looks like a JSON array (expected one event per line)")

// otherForm adds ErrArray to the error of the first line, which begins with head, if
// the file looks like a JSON array.
func otherForm(err error, head []byte) error {
	if bytes.HasPrefix(head, []byte("[")) {
		return fmt.Errorf("%w; %w", err, ErrArray)
	}
	return err
}

// NewFile starts to read. Close stops that. A read that blocks ends only with its
// reader.
func NewFile(in io.Reader, o FileOptions) (*File, error) {
	if !(o.DupRate >= 0 && o.DupRate < 1) {
		return nil, fmt.Errorf("invalid dup-rate %v: must be at least 0 and less than 1", o.DupRate)
	}
	if o.MaxLineBytes == 0 {
		o.MaxLineBytes = DefaultMaxLineBytes
	}
	if o.FlushInterval == 0 {
		o.FlushInterval = DefaultFlushInterval
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

// Close stops reading. Next may still return lines that were read ahead.
func (f *File) Close() { f.close.Do(func() { close(f.closed) }) }

// Limits of a chunk of lines.
const (
	chunkLines = 64
	chunkBytes = 256 << 10
)

// pump reads and decodes in its own goroutine, because a read from a terminal or a
// pipe can't be interrupted, but workers must be.
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

// Next returns lines in order, with repeats between them, and fewer than n if the input
// is slow. It returns an error of the reader once, to one caller.
func (f *File) Next(ctx context.Context, batch *Batch, n int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	*batch = Batch{Slot: f.slot, Items: batch.Items[:0]}
	var timer *time.Timer      // nil until the first line
	var flush <-chan time.Time // of the timer
	defer func() {
		if timer != nil {
			timer.Stop()
		}
	}()
	for len(batch.Items) < n {
		if f.repeats < f.repeatsDue() {
			batch.Items = append(batch.Items, f.earlier.pick(f.slot))
			f.repeats++
			f.slot++
			continue
		}
		if len(batch.Items) > 0 && flush == nil && len(f.chunk) == 0 {
			timer = time.NewTimer(f.options.FlushInterval)
			flush = timer.C
		}
		line, ok := f.take(ctx, flush)
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

// take returns the next line. It returns false at the end, and when ctx ends or there is
// none when the batch must be sent.
func (f *File) take(ctx context.Context, flush <-chan time.Time) (parsedLine, bool) {
	for len(f.chunk) == 0 {
		select {
		case chunk, open := <-f.chunks:
			if !open {
				return parsedLine{}, false
			}
			f.chunk = chunk
		case <-flush:
			return parsedLine{}, false
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

// repeatsDue returns the number of repeats for the lines sent so far. With d
// repeats for n lines, the rate is d ÷ (n+d).
func (f *File) repeatsDue() int64 {
	return int64(math.Round(float64(f.originals) * f.options.DupRate / (1 - f.options.DupRate)))
}

// Total returns 0, because the number of lines is unknown.
func (f *File) Total() int64 { return 0 }

// Bad returns the number of lines that are not valid events.
func (f *File) Bad() int64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bad
}

// Key returns the key with that index. It implements [Originals] and needs
// FileOptions.Remember.
func (f *File) Key(index int64) event.Key {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known.keys[index]
}

// Matches reports whether the stored event has that version of the content sent
// with the key, or any version if it is negative. It implements [Originals] and
// needs FileOptions.Remember.
func (f *File) Matches(index int64, version int, stored event.Event) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.known.matches(index, version, stored)
}
