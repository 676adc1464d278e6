package publish

import (
	"bufio"
	"errors"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"

	"github.com/eventagg/eventagg/pkg/server/respond"
)

// gzipBytes is about the memory that a gzip reader needs.
const gzipBytes = 48 << 10

// zstdBytes is about the memory that a zstd reader needs beside its window; see
// zstdFrames.
const zstdBytes = 64 << 10

// maxWindow is the maximum window of a zstd frame. All levels of zstd have smaller ones,
// except with --long or --ultra.
const maxWindow = 8 << 20

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
			case (coding == "gzip" || coding == "zstd" || coding == "deflate") && found == "":
				found = coding
			case coding == "utf-8" || coding == "utf8":
				return "", &respond.Error{
					Status: http.StatusUnsupportedMediaType, Header: "Accept-Encoding", Value: "gzip, zstd, deflate",
					Detail: "UTF-8 is a charset and not a content coding; leave out Content-Encoding.",
				}
			default:
				return "", &respond.Error{
					Status: http.StatusUnsupportedMediaType, Header: "Accept-Encoding", Value: "gzip, zstd, deflate",
					Detail: "The body must be plain, or have one Content-Encoding: gzip, zstd or deflate.",
				}
			}
		}
	}
	return found, nil
}

// decompress returns a reader of the decompressed body. Its memory is charged
// to p as it is used.
func (p *request) decompress(header http.Header) (io.Reader, error) {
	if len(header["Content-Encoding"]) == 0 {
		return p.raw, nil
	}
	coding, err := contentCoding(header)
	switch {
	case err != nil:
		return nil, err
	case coding == "gzip":
		return p.openGzip()
	case coding == "zstd":
		return p.openZstd()
	case coding == "deflate":
		return p.openDeflate()
	default:
		return p.raw, nil
	}
}

func (p *request) openGzip() (io.Reader, error) {
	if err := p.charge(gzipBytes); err != nil {
		return nil, err
	}
	compressed := bufio.NewReader(p.raw)
	first, err := gzip.NewReader(compressed)
	if err != nil {
		return nil, p.raw.codingError(err)
	}
	members := &gzipMembers{compressed: compressed, member: first}
	return &decompressed{in: members, raw: p.raw}, nil
}

// openDeflate reads deflate in both of its readings: with the header of zlib, as the
// standard says (RFC 9110, section 8.4.1.2), and without, as some programs send it.
func (p *request) openDeflate() (io.Reader, error) {
	if err := p.charge(gzipBytes); err != nil {
		return nil, err
	}
	compressed := bufio.NewReader(p.raw)
	head, err := compressed.Peek(2)
	if err != nil {
		return nil, p.raw.codingError(err)
	}
	const method, checksum = 8, 31 // of zlib's header (RFC 1950, section 2.2)
	if head[0]&0x0f != method || (int(head[0])<<8|int(head[1]))%checksum != 0 {
		return &decompressed{in: flate.NewReader(compressed), raw: p.raw}, nil
	}
	reader, err := zlib.NewReader(compressed)
	if err != nil {
		return nil, p.raw.codingError(err)
	}
	return &decompressed{in: reader, raw: p.raw}, nil
}

func (p *request) openZstd() (io.Reader, error) {
	if err := p.charge(zstdBytes); err != nil {
		return nil, err
	}
	frames := &zstdFrames{in: p.raw, charge: p.chargeWindow}
	reader, err := zstd.NewReader(frames, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		return nil, p.raw.codingError(err)
	}
	p.closeCodec = reader.Close
	return &decompressed{in: reader, raw: p.raw, frames: frames}, nil
}

// gzipMembers reads the members of a gzip stream (RFC 1952, section 2.2). Unlike
// the reader of the library it returns the end of a member before it waits for
// the next: on a live stream, that member has the latest line.
type gzipMembers struct {
	compressed *bufio.Reader
	member     *gzip.Reader
	ended      bool // the member; perhaps another one follows
}

// Read implements [io.Reader].
func (g *gzipMembers) Read(p []byte) (int, error) {
	for {
		if g.ended {
			if err := g.member.Reset(g.compressed); err != nil {
				return 0, err // io.EOF if no member follows
			}
			g.ended = false
		}
		g.member.Multistream(false)
		n, err := g.member.Read(p)
		g.ended = errors.Is(err, io.EOF)
		if g.ended {
			err = nil
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// decompressed is a body without its coding. It distinguishes errors of the
// compression from those of the connection and of the memory.
type decompressed struct {
	in     io.Reader
	raw    *rawBody
	frames *zstdFrames // nil for other codings
}

// Read implements [io.Reader].
func (d *decompressed) Read(p []byte) (int, error) {
	n, err := d.in.Read(p)
	switch {
	case d.frames != nil && d.frames.err != nil:
		return n, d.frames.err
	case err == nil:
		return n, nil
	case errors.Is(err, io.EOF):
		return n, d.raw.end()
	default:
		return n, d.raw.codingError(err)
	}
}

// codingError is the response to a compressed body that can't be decompressed. If
// the body itself could not be read, that is the cause.
func (r *rawBody) codingError(err error) error {
	if r.err != nil && !errors.Is(r.err, io.EOF) {
		return readError(r.err)
	}
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return &respond.Error{
			Status: http.StatusRequestEntityTooLarge, Header: respond.HeaderConnection, Value: "close",
			Detail: "The zstd stream needs a window of more than " + strconv.Itoa(maxWindow) +
				" bytes; compress with level 19 or lower, and without --long or --ultra.",
		}
	}
	return &respond.Error{
		Status: http.StatusUnprocessableEntity, Header: respond.HeaderConnection, Value: "close",
		Detail: "The body does not match its Content-Encoding, or it ends early.",
	}
}
