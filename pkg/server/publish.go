package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/labstack/echo/v4"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/event"
)

// publishing is what one POST /publish works with. It is used again for others.
type publishing struct {
	decoder *event.Decoder
	body    []byte
	answer  []byte
	events  [1]event.Event
}

func newPublishing() any { return &publishing{decoder: event.NewDecoder()} }

// keepBytes is how large a buffer may be to be kept for the next request. Most
// events are far smaller; the rare large one must not be held for ever.
const keepBytes = 64 << 10

// publish takes one event. It answers 2xx only once the event is committed.
func (s *Server) publish(c echo.Context) error {
	r := c.Request()
	if err := checkHead(r.Header); err != nil {
		return err
	}
	p := s.work.Get().(*publishing)
	err := s.publishOne(c, p)
	if cap(p.body) <= keepBytes {
		p.events[0] = event.Event{}
		s.work.Put(p)
	}
	return err
}

func (s *Server) publishOne(c echo.Context, p *publishing) error {
	r := c.Request()
	limit := min(s.options.MaxEventBytes, s.options.MaxBodyBytes)
	var err error
	if p.body, err = readBody(p.body[:0], r.Body, r.ContentLength, limit); err != nil {
		return err
	}
	if p.events[0], err = p.decoder.Decode(p.body); err != nil {
		return decodeError(p.body, err)
	}
	// The request's context ends when the client closes its half of the
	// connection, and a client may do so and wait for the answer. The appender
	// bounds the wait.
	outcomes, err := s.options.Appender.Append(context.WithoutCancel(r.Context()), p.events[:])
	if err != nil {
		return err
	}
	if len(outcomes) != 1 {
		return errOutcomes
	}
	switch outcomes[0] {
	case event.Stored:
		p.answer = appendPublished(p.answer[:0], api.StatusSuccess, "event stored", p.events[0])
	case event.Duplicate:
		p.answer = appendPublished(p.answer[:0], api.StatusIgnored, "event was stored before; this repeat is counted and dropped", p.events[0])
	default:
		return &requestError{status: http.StatusUnprocessableEntity, detail: "The database refuses this event."}
	}
	return s.write(c, http.StatusOK, s.headers.json, p.answer)
}

// errOutcomes says that the appender broke its contract.
var errOutcomes = errors.New("append: not one outcome for one event")

// appendPublished appends the text of an [api.Published].
func appendPublished(dst []byte, status, message string, e event.Event) []byte {
	dst = append(dst, `{"status":"`...)
	dst = append(dst, status...)
	dst = append(dst, `","message":"`...)
	dst = append(dst, message...)
	dst = append(dst, `","topic":`...)
	// Both texts are valid UTF-8, so quoting can't fail.
	dst, _ = jsontext.AppendQuote(dst, e.Topic)
	dst = append(dst, `,"event_id":`...)
	dst, _ = jsontext.AppendQuote(dst, e.ID)
	return append(dst, '}', '\n')
}

// decodeError adds a hint where the sender means something that this version
// does not take.
func decodeError(body []byte, err error) error {
	if bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		return &requestError{
			status: http.StatusUnprocessableEntity,
			detail: "Batches aren't supported by this version; send one event, a JSON object, per request.",
			faults: []event.Fault{{Field: "body", Message: "must be a JSON object"}},
		}
	}
	return err
}

// checkHead refuses what the body can't be read as, before it is read.
func checkHead(header http.Header) error {
	if values := header["Content-Encoding"]; len(values) > 0 && !isIdentity(values) {
		return &requestError{
			status: http.StatusUnsupportedMediaType, header: "Accept-Encoding", value: "identity",
			detail: "Compressed bodies aren't supported by this version; send the event as it is.",
		}
	}
	if values := header["Content-Type"]; len(values) > 0 && !isJSON(values[0]) {
		return &requestError{
			status: http.StatusUnsupportedMediaType, header: "Accept-Post", value: typeJSON,
			detail: "The body must be JSON in UTF-8, with the header Content-Type: application/json.",
		}
	}
	return nil
}

// isIdentity reports whether a body comes without any content coding.
func isIdentity(codings []string) bool {
	for _, coding := range codings {
		coding = strings.TrimSpace(coding)
		if coding != "" && !strings.EqualFold(coding, "identity") {
			return false
		}
	}
	return true
}

// isJSON reports whether a Content-Type means JSON in UTF-8. None at all counts
// as that.
func isJSON(contentType string) bool {
	if contentType == typeJSON || strings.TrimSpace(contentType) == "" {
		return true
	}
	mediaType, params, err := mime.ParseMediaType(contentType)
	if err != nil || mediaType != typeJSON {
		return false
	}
	charset := params["charset"]
	return charset == "" || strings.EqualFold(charset, "utf-8") || strings.EqualFold(charset, "utf8") ||
		strings.EqualFold(charset, "us-ascii")
}

// errTooLarge refuses a body of more than limit bytes.
func errTooLarge(limit int64) error {
	return &requestError{
		status: http.StatusRequestEntityTooLarge,
		detail: "The event is longer than the limit of " + strconv.FormatInt(limit, 10) + " bytes.",
	}
}

// readBody appends a request's body to buffer, reading no more than one byte
// beyond limit. It grows the buffer by what has arrived and not by what the
// client says will come: a promise of a mebibyte costs the client nothing.
func readBody(buffer []byte, body io.Reader, length, limit int64) ([]byte, error) {
	if length > limit {
		return buffer, errTooLarge(limit)
	}
	for {
		if len(buffer) == cap(buffer) {
			buffer = append(buffer, make([]byte, max(1024, cap(buffer)))...)[:len(buffer)]
		}
		room := min(int64(cap(buffer)), limit+1)
		n, err := body.Read(buffer[len(buffer):room])
		buffer = buffer[:len(buffer)+n]
		switch {
		case int64(len(buffer)) > limit:
			return buffer, errTooLarge(limit)
		case errors.Is(err, io.EOF):
			return buffer, nil
		case errors.Is(err, os.ErrDeadlineExceeded):
			return buffer, &requestError{
				status: http.StatusRequestTimeout, header: headerConnection, value: "close",
				detail: "The body didn't arrive in time.",
			}
		case err != nil:
			return buffer, &requestError{
				status: http.StatusBadRequest, header: headerConnection, value: "close",
				detail: "The body ended early or its transfer coding is broken.",
			}
		}
	}
}
