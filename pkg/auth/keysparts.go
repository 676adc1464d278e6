package auth

import (
	"bytes"
	"errors"
)

// The YAML library keeps the tree of the whole text in memory. With 100,000 keys (21 MB) a
// reload took 612 MB. So a long list is parsed in parts of whole entries: 219 MB.

// partBytes is the size of a part.
const partBytes = 64 << 10

// errWhole means that a text must be parsed as a whole: it is short, its lines do not show
// the beginning of each entry, or a part of it is not a list.
var errWhole = errors.New("parse the text as a whole")

// parseParts parses a list in parts of at least size bytes. The entries and the problems
// are those of the whole text. The error is errWhole if the parts could mean something
// else than the whole.
func parseParts(text []byte, size int) ([]Entry, error) {
	if len(text) < 2*size || hasMarkers(text) {
		return nil, errWhole
	}
	var problems problems
	var entries []Entry
	for len(text) > 0 {
		part := nextPart(text, size)
		text = text[len(part):]
		found, err := problems.parse(part)
		if err != nil || len(found) == 0 {
			return nil, errWhole
		}
		entries = append(entries, found...)
		problems.lines += bytes.Count(part, []byte("\n"))
	}
	if err := problems.err(); err != nil {
		return nil, err
	}
	return entries, nil
}

// nextPart returns the beginning of a text up to an entry after size bytes. If a quoted
// text has a line that looks like an entry, the part is not valid YAML.
func nextPart(text []byte, size int) []byte {
	if len(text) <= size {
		return text
	}
	at := bytes.Index(text[size:], []byte("\n- "))
	if at < 0 {
		return text
	}
	return text[:size+at+1]
}

// hasMarkers reports whether a text has what concerns all of it: directives, the beginning
// or the end of a document, anchors, or line breaks of other systems.
func hasMarkers(text []byte) bool {
	if bytes.ContainsAny(text, "&\r\u0085\u2028\u2029\ufeff") {
		return true
	}
	for _, marker := range []string{"%", "---", "..."} {
		if bytes.HasPrefix(text, []byte(marker)) || bytes.Contains(text, []byte("\n"+marker)) {
			return true
		}
	}
	return false
}
