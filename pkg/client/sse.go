package client

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

// maxMessageBytes limits the data of one message. An event has at most 1 MiB,
// unless the server accepts larger ones.
const maxMessageBytes = 64 << 20

// errLong reports a message that is longer than the limit.
var errLong = errors.New("message too long")

// message is one message of a stream of server-sent events.
type message struct {
	// id is the last event ID: the next connection continues after it.
	id string
	// kind is the event field, "" for the default kind.
	kind string
	// data is nil if the message has only an id. It is valid until the next
	// read.
	data []byte
}

// messageReader reads server-sent events according to the HTML standard (section
// 9.2.6). One thing differs: data that is not UTF-8 is passed on unchanged,
// because the JSON decoder checks that.
//
// The library github.com/tmaxmax/go-sse does not fit. Its reader hides retry, its
// connection decides by itself when to reconnect and ignores Retry-After, and it
// scans an incomplete message again for each piece, which is slow for 1 MiB.
type messageReader struct {
	source *bufio.Reader
	limit  int // of the bytes of a message

	// retry is the wait before a reconnect that the server requests, or 0.
	retry time.Duration

	line, data []byte
	kind       string
	id         string
	named      bool // the current message has an id
	started    bool // the first line was read
	afterCR    bool // a line feed now belongs to the previous line
}

func newMessageReader(source io.Reader, limit int) *messageReader {
	return &messageReader{source: bufio.NewReaderSize(source, 64<<10), limit: limit}
}

// next returns the next message that has data or an id. If the stream ends within
// a message, the error is that of the source, for example [io.EOF].
func (r *messageReader) next() (message, error) {
	r.data, r.kind, r.named = r.data[:0], "", false
	for {
		line, err := r.readLine()
		if err != nil {
			return message{}, err
		}
		if len(line) > 0 {
			r.field(line)
			continue
		}
		m := message{id: r.id, kind: r.kind}
		if len(r.data) > 0 {
			m.data = r.data[:len(r.data)-1] // without the last line feed
			return m, nil
		}
		if r.named {
			return m, nil
		}
		r.kind = ""
	}
}

// field processes a line that is not blank.
func (r *messageReader) field(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":")) // the name of a comment is empty
	value = bytes.TrimPrefix(value, []byte(" "))
	switch string(name) {
	case "data":
		r.data = append(append(r.data, value...), '\n')
	case "event":
		r.kind = string(value)
	case "id":
		if id := string(value); !strings.Contains(id, "\x00") {
			r.id, r.named = id, true
		}
	case "retry":
		// ParseUint accepts only digits, like the standard.
		if millis, err := strconv.ParseUint(string(value), 10, 40); err == nil {
			r.retry = min(time.Duration(millis)*time.Millisecond, maxRetryAfter)
		}
	}
}

// readLine reads up to a line feed, a carriage return or both. A carriage return
// completes the line at once: waiting for a line feed would delay a message until
// the next one.
func (r *messageReader) readLine() ([]byte, error) {
	r.line = r.line[:0]
	for {
		if _, err := r.source.Peek(1); err != nil {
			return nil, err
		}
		chunk, _ := r.source.Peek(r.source.Buffered()) // can't fail
		if r.afterCR && chunk[0] == '\n' {
			chunk = chunk[1:]
			_, _ = r.source.Discard(1)
		}
		r.afterCR = false
		end := lineEnd(chunk)
		taken := end
		if end < 0 {
			taken = len(chunk)
		}
		if len(r.line)+len(r.data)+taken > r.limit {
			return nil, errLong
		}
		if end < 0 {
			r.line = append(r.line, chunk...)
			_, _ = r.source.Discard(len(chunk))
			continue
		}
		r.line = append(r.line, chunk[:end]...)
		r.afterCR = chunk[end] == '\r'
		_, _ = r.source.Discard(end + 1)
		if !r.started {
			r.started = true
			return bytes.TrimPrefix(r.line, []byte("\xef\xbb\xbf")), nil
		}
		return r.line, nil
	}
}

// lineEnd returns the index of the first line end, or -1.
func lineEnd(chunk []byte) int {
	feed := bytes.IndexByte(chunk, '\n')
	if feed >= 0 {
		chunk = chunk[:feed]
	}
	if turn := bytes.IndexByte(chunk, '\r'); turn >= 0 {
		return turn
	}
	return feed
}
