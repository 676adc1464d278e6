package publish

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

	"github.com/eventagg/eventagg/pkg/server/respond"
)

// gzipBytes is about the memory that a gzip reader needs.
const gzipBytes = 48 << 10

// maxWindow is how far back a zstd stream may refer. All levels of zstd stay
// within, unless --long or --ultra is used.
const maxWindow = 8 << 20

// A body of up to maxSingleFrame bytes is assumed to be one frame. It is charged
// for the window that its header declares, at least minWindow. Most compressed
// bodies are that short. All others are charged for the largest window that their
// frames may use.
const (
	maxSingleFrame = 64 << 10
	minWindow      = 256 << 10
)

// contentCoding returns the single coding of a body, "" for none.
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
				return "", &respond.Error{
					Status: http.StatusUnsupportedMediaType, Header: "Accept-Encoding", Value: "gzip, zstd",
					Detail: "The body must be plain, or have one Content-Encoding: gzip or zstd.",
				}
			}
		}
	}
	return found, nil
}

// decompress returns a reader of the decompressed body. Its memory is charged
// to p.
func (p *request) decompress(r *http.Request) (io.Reader, error) {
	if len(r.Header["Content-Encoding"]) == 0 {
		return p.raw, nil
	}
	coding, err := contentCoding(r.Header)
	switch {
	case err != nil:
		return nil, err
	case coding == "gzip":
		return p.openGzip()
	case coding == "zstd":
		return p.openZstd(r.ContentLength)
	default:
		return p.raw, nil
	}
}

func (p *request) openGzip() (io.Reader, error) {
	if err := p.charge(gzipBytes); err != nil {
		return nil, err
	}
	reader, err := gzip.NewReader(p.raw)
	if err != nil {
		return nil, codingError(err)
	}
	return decompressed{reader}, nil
}

func (p *request) openZstd(contentLength int64) (io.Reader, error) {
	compressed := bufio.NewReader(p.raw)
	head, err := compressed.Peek(zstd.HeaderMaxSize)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, readError(err)
	}
	var first zstd.Header
	if err := first.Decode(head); err != nil {
		return nil, codingError(err)
	}
	window := max(first.WindowSize, minWindow)
	switch {
	case first.Skippable || contentLength < 0 || contentLength > maxSingleFrame:
		window = max(window, maxWindow) // other frames may follow
	case first.SingleSegment: // such a frame may refer to all of its content
		window = max(window, first.FrameContentSize)
	}
	if window > maxWindow {
		return nil, &respond.Error{
			Status: http.StatusRequestEntityTooLarge,
			Detail: "The zstd stream needs a window of more than " + strconv.Itoa(maxWindow) + " bytes; compress without --long.",
		}
	}
	if err := p.charge(int64(window)); err != nil {
		return nil, err
	}
	reader, err := zstd.NewReader(compressed, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, codingError(err)
	}
	p.closeCodec = reader.Close
	return decompressed{reader}, nil
}

// decompressed distinguishes errors of the compression from those of the
// connection.
type decompressed struct{ io.Reader }

// Read reads, and words errors of the compression for the sender.
func (d decompressed) Read(p []byte) (int, error) {
	n, err := d.Reader.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		err = codingError(err)
	}
	return n, err
}

// codingError is the response to a compressed body that can't be decompressed.
func codingError(err error) error {
	if refused, ok := errors.AsType[*respond.Error](err); ok {
		return refused
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return err
	}
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return &respond.Error{
			Status: http.StatusRequestEntityTooLarge, Header: respond.HeaderConnection, Value: "close",
			Detail: "A later zstd frame needs a larger window than the first; compress the body as one frame.",
		}
	}
	return &respond.Error{
		Status: http.StatusUnprocessableEntity, Header: respond.HeaderConnection, Value: "close",
		Detail: "The body does not match its Content-Encoding, or it ends early.",
	}
}
