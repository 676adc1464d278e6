package exchange

import (
	"bytes"
	"errors"
	"net/http"
	"os"
	"strconv"

	"github.com/valyala/fasthttp"
)

// Answer is what came back.
type Answer struct {
	// Status is the HTTP status.
	Status int
	// RetryAfter is the header of that name; "" without one.
	RetryAfter string
	// Body is valid until the next exchange.
	Body []byte
	// Last says that the connection ends with this answer, or is out of step.
	Last bool
}

// answer reads an answer.
func (c *Conn) answer(limit int) (Answer, error) {
	if got, ok := scan(c.received); ok && len(got.Body) <= limit {
		return got, nil
	}
	switch err := c.response.ReadLimitBody(c.reader, limit); {
	case errors.Is(err, fasthttp.ErrTimeout):
		return Answer{}, os.ErrDeadlineExceeded
	case err != nil:
		return Answer{}, err
	}
	return Answer{
		Status:     c.response.StatusCode(),
		RetryAfter: string(c.response.Header.Peek("Retry-After")),
		Body:       c.response.Body(),
		Last:       c.response.ConnectionClose() || c.reader.Buffered() > 0,
	}, nil
}

// scan recognises an answer in the common form, with nothing after it: status
// 200 and no headers but those that an eventagg sends. It comes to the same
// result as parsing, in a fifth of the time.
func scan(text []byte) (got Answer, ok bool) {
	rest, ok := bytes.CutPrefix(text, []byte("HTTP/1.1 200 OK\r\n"))
	length := -1
	for ok {
		var line []byte
		if line, rest, ok = bytes.Cut(rest, []byte("\r\n")); len(line) == 0 {
			break
		}
		name, value, named := bytes.Cut(line, []byte(": "))
		if !named || !printable(value) {
			return Answer{}, false
		}
		switch string(name) {
		case "Content-Type", "Date", "X-Request-Id": // say nothing about the answer's form
		case "Content-Length":
			number, err := strconv.ParseUint(string(value), 10, 31)
			if err != nil || length >= 0 {
				return Answer{}, false
			}
			length = int(number)
		default: // it may change what the others mean
			return Answer{}, false
		}
	}
	if !ok || length != len(rest) {
		return Answer{}, false
	}
	return Answer{Status: http.StatusOK, Body: rest}, true
}

// printable reports whether a header's value is ASCII without control
// characters, which parsers treat in many ways.
func printable(value []byte) bool {
	for _, c := range value {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}
