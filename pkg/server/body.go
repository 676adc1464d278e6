package server

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/eventagg/eventagg/pkg/store"
)

// freeBytes is how large a body may be that is not charged to the budget: that
// of a single event, mostly, and no more than a connection costs anyway.
const freeBytes = 4 << 10

// smallPromise is how long a body may be announced to be and still have all of
// the budget; see [budget.promise].
const smallPromise = 256 << 10

// gzipBytes is about what reading gzip takes.
const gzipBytes = 48 << 10

// maxWindow is how far back a zstd stream may refer. Every level of zstd but
// those that --long and --ultra ask for stays within.
const maxWindow = 8 << 20

// A body of up to onePiece bytes is taken to be one frame, and charged for the
// window that says it needs, but for leastWindow in any case. Most packed bodies
// are that short; all others are charged for as much as their frames may use.
const (
	onePiece    = 64 << 10
	leastWindow = 256 << 10
)

// contentCoding is the one coding of a body, "" for none.
func contentCoding(header http.Header) (string, error) {
	found := ""
	for _, value := range header["Content-Encoding"] {
		for coding := range strings.SplitSeq(value, ",") {
			coding = strings.ToLower(strings.TrimSpace(coding))
			switch {
			case coding == "" || coding == "identity":
			case coding == "x-gzip" && found == "":
				found = "gzip"
			case (coding == "gzip" || coding == "zstd") && found == "":
				found = coding
			default:
				return "", &requestError{
					status: http.StatusUnsupportedMediaType, header: "Accept-Encoding", value: "gzip, zstd",
					detail: "The body must be plain, or have one Content-Encoding: gzip or zstd.",
				}
			}
		}
	}
	return found, nil
}

// open returns a reader of the body as its sender meant it. What it takes is
// charged to p.
func (s *Server) open(p *publishing, r *http.Request) (io.Reader, error) {
	if len(r.Header["Content-Encoding"]) == 0 {
		return p.packed, nil
	}
	coding, err := contentCoding(r.Header)
	if err != nil || coding == "" {
		return p.packed, err
	}
	if coding == "gzip" {
		if err := p.charge(gzipBytes); err != nil {
			return nil, err
		}
		return unpack(gzip.NewReader(p.packed))
	}
	packed := bufio.NewReader(p.packed)
	head, err := packed.Peek(zstd.HeaderMaxSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readError(err)
	}
	var first zstd.Header
	if err := first.Decode(head); err != nil {
		return nil, errCoding(err)
	}
	window := max(first.WindowSize, leastWindow)
	switch {
	case first.Skippable || r.ContentLength < 0 || r.ContentLength > onePiece:
		window = max(window, maxWindow) // there may be other frames behind this one
	case first.SingleSegment: // a short stream refers to any of itself
		window = max(window, first.FrameContentSize)
	}
	if window > maxWindow {
		return nil, &requestError{
			status: http.StatusRequestEntityTooLarge,
			detail: "The zstd stream needs a window of more than " + strconv.Itoa(maxWindow) + " bytes; compress without --long.",
		}
	}
	if err := p.charge(int64(window)); err != nil {
		return nil, err
	}
	reader, err := zstd.NewReader(packed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, errCoding(err)
	}
	p.close = reader.Close
	return unpacked{reader}, nil
}

func unpack(reader io.Reader, err error) (io.Reader, error) {
	if err != nil {
		return nil, errCoding(err)
	}
	return unpacked{reader}, nil
}

// unpacked tells faults of the compression from those of the connection.
type unpacked struct{ io.Reader }

// Read reads, and words what is wrong with the compression for the sender.
func (u unpacked) Read(p []byte) (int, error) {
	n, err := u.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = errCoding(err)
	}
	return n, err
}

// errCoding words why a compressed body can't be read.
func errCoding(err error) error {
	if refused, ok := errors.AsType[*requestError](err); ok {
		return refused
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return &requestError{
			status: http.StatusRequestEntityTooLarge, header: headerConnection, value: "close",
			detail: "A later zstd frame needs a larger window than the first; compress the body as one frame.",
		}
	}
	return &requestError{
		status: http.StatusUnprocessableEntity, header: headerConnection, value: "close",
		detail: "The body is not what its Content-Encoding says, or it ends early.",
	}
}

// errTooLarge refuses a body of more than limit bytes.
func errTooLarge(limit int64) error {
	return &requestError{
		status: http.StatusRequestEntityTooLarge,
		detail: "The body is longer than the limit of " + strconv.FormatInt(limit, 10) + " bytes; send less at once, or one event a line as application/x-ndjson.",
	}
}

// errTooLong refuses a single event of more than limit bytes.
func errTooLong(limit int64) error {
	return &requestError{
		status: http.StatusRequestEntityTooLarge,
		detail: "The event is longer than the limit of " + strconv.FormatInt(limit, 10) + " bytes.",
	}
}

// readBody reads all of body into p.body, but no more than one byte beyond
// limit. A length that is told in advance is on the budget before anything is
// read: were each body to take its share as it comes, many large ones would all
// get halfway and none to its end. The buffer itself grows by what has arrived:
// a promise of a mebibyte costs the client nothing.
func (s *Server) readBody(p *publishing, body io.Reader, length, limit int64) error {
	if length > limit {
		return errTooLarge(limit)
	}
	most := limit + 1
	if length >= 0 {
		most = length + 1
		if err := p.chargePromise(most); err != nil {
			return err
		}
	}
	p.body = p.body[:0]
	for {
		if len(p.body) == cap(p.body) {
			if err := p.grow(most); err != nil {
				return err
			}
		}
		room := min(int64(cap(p.body)), limit+1)
		n, err := body.Read(p.body[len(p.body):room])
		p.body = p.body[:len(p.body)+n]
		switch {
		case int64(len(p.body)) > limit:
			return errTooLarge(limit)
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return readError(err)
		}
	}
}

// readError words why a body could not be read.
func readError(err error) error {
	var refused *requestError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, store.ErrOverloaded):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return &requestError{
			status: http.StatusRequestTimeout, header: headerConnection, value: "close",
			detail: "The body didn't arrive in time.",
		}
	default:
		return &requestError{
			status: http.StatusBadRequest, header: headerConnection, value: "close",
			detail: "The body ended early or its transfer coding is broken.",
		}
	}
}

// dryReader ends a body that goes on and on without an event: blank lines, a
// line without end, a compressed nothing. It is what bounds a stream that may
// otherwise be as long as it likes.
type dryReader struct {
	in          io.Reader
	limit, read int64
}

// Read reads, unless there was no event for too long.
func (d *dryReader) Read(p []byte) (int, error) {
	if d.read > d.limit {
		return 0, &requestError{
			status: http.StatusRequestEntityTooLarge,
			detail: "More than " + strconv.FormatInt(d.limit, 10) + " bytes came without an event.",
		}
	}
	n, err := d.in.Read(p)
	d.read += int64(n)
	return n, err
}
