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

// maxMessageBytes bounds the data of one message, and so a line of it. An event
// has 1 MiB unless the server is set to take larger ones.
const maxMessageBytes = 64 << 20

// errLong says that a message is longer than the reader's bound.
var errLong = errors.New("message too long")

// message is what a blank line of a stream of server-sent events ends.
type message struct {
	// id is the last event ID so far: where the next connection goes on.
	id string
	// kind is the event field, "" for the default kind.
	kind string
	// data is nil where the message has none: to an EventSource that is no
	// message, only its id counts. It is valid until the next read.
	data []byte
}

// messageReader reads server-sent events as the HTML standard of the WHATWG has
// them (section 9.2.6), but for one thing: data that is not UTF-8 is handed on
// as it is, since JSON has its own rule for that.
//
// github.com/tmaxmax/go-sse, the library that is kept best, was looked at: its
// reader hides retry, its connection decides itself when to come again, which
// leaves no room for Retry-After, and it looks through an unfinished message
// anew with each piece that arrives, which is slow for one of 1 MiB.
type messageReader struct {
	source *bufio.Reader
	limit  int // of the bytes of a message

	// retry is how long the server wants clients to wait before they come
	// again, 0 where it has not said.
	retry time.Duration

	line, data []byte
	kind       string
	id         string
	named      bool // the message under way has an id
	begun      bool // the first line was read
	afterCR    bool // a line feed now belongs to the line before
}

func newMessageReader(source io.Reader, limit int) *messageReader {
	return &messageReader{source: bufio.NewReaderSize(source, 64<<10), limit: limit}
}

// next returns the next message that has data or an id. A message that the
// stream breaks off is none; the error is then the source's, [io.EOF] where
// that ended well.
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
			m.data = r.data[:len(r.data)-1] // the last line feed is no part of it
			return m, nil
		}
		if r.named {
			return m, nil
		}
		r.kind = ""
	}
}

// field takes one line that is not blank.
func (r *messageReader) field(line []byte) {
	name, value, _ := bytes.Cut(line, []byte(":")) // a comment has no name
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
		// ParseUint takes digits alone, as the standard does.
		if millis, err := strconv.ParseUint(string(value), 10, 40); err == nil {
			r.retry = min(time.Duration(millis)*time.Millisecond, maxRetryAfter)
		}
	}
}

// readLine reads up to a line feed, a carriage return or both. A line that ends
// with a carriage return is complete: waiting for what follows would hold a
// message back until the next one.
func (r *messageReader) readLine() ([]byte, error) {
	r.line = r.line[:0]
	for {
		if _, err := r.source.Peek(1); err != nil {
			return nil, err
		}
		chunk, _ := r.source.Peek(r.source.Buffered()) // which can't fail
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
		if !r.begun {
			r.begun = true
			return bytes.TrimPrefix(r.line, []byte("\xef\xbb\xbf")), nil
		}
		return r.line, nil
	}
}

// lineEnd is where the first line end is, -1 where there is none.
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
