package payload

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// MaxDepth is the maximum nesting depth; the payload itself is level 1.
const MaxDepth = 64

// Checker checks one payload after another and keeps its working memory in
// between. It is not safe for concurrent use; make one with [NewChecker].
type Checker struct {
	input   bytes.Buffer
	decoder *jsontext.Decoder
}

// NewChecker returns a Checker without working memory.
func NewChecker() *Checker {
	c := &Checker{}
	c.decoder = jsontext.NewDecoder(&c.input)
	return c
}

// What can be wrong with a payload. Each text follows the field's name.
var (
	errObject    = errors.New("must be a JSON object")
	errNUL       = errors.New("must not contain the character U+0000")
	errDuplicate = errors.New("must not have the same member name twice in one object")
	errUTF8      = errors.New("must be valid UTF-8 without lone surrogates")
	errTrailing  = errors.New("must end after the JSON value")
	errDigits    = fmt.Errorf("must not have a number of more than %d digits written out in full", MaxNumberDigits)

	// ErrDepth reports a value that is nested too deeply.
	ErrDepth = fmt.Errorf("must not be nested deeper than %d levels", MaxDepth)
)

// AppendObject checks raw, the text of a payload, and appends it to dst without
// insignificant white space. The error text follows the field's name.
func (c *Checker) AppendObject(dst []byte, raw jsontext.Value) ([]byte, error) {
	if raw.Kind() != '{' {
		return dst, errObject
	}
	return c.AppendValue(dst, raw, 0)
}

// AppendValue checks the text of one JSON value of any kind by the rules of a
// payload and appends it to dst without insignificant white space. The value is
// nested level levels deep in the payload; 0 is the payload itself. It is for
// packages that build a payload from parts.
//
// The error text follows the field's name. It reports the first mistake only:
// a parser rarely gets beyond a place where the text is broken.
func (c *Checker) AppendValue(dst []byte, raw jsontext.Value, level int) ([]byte, error) {
	if err := c.check(raw, level); err != nil {
		return dst, err
	}
	if !hasSpace(raw) {
		return append(dst, raw...), nil
	}
	return jsontext.AppendFormat(dst, raw, jsontext.PreserveRawStrings(true))
}

// check reads a value token by token. The JSON decoder itself rejects duplicate
// names, invalid UTF-8 and lone surrogates.
func (c *Checker) check(raw jsontext.Value, level int) error {
	c.input = *bytes.NewBuffer(raw)
	dec := c.decoder
	dec.Reset(&c.input)
	for {
		switch dec.PeekKind() {
		case '"':
			text, err := dec.ReadValue()
			if err != nil {
				return readError(raw, err)
			}
			if hasNUL(text) {
				return errNUL
			}
		case '0':
			number, err := dec.ReadValue()
			if err != nil {
				return readError(raw, err)
			}
			if digitsInFull(number) > MaxNumberDigits {
				return errDigits
			}
		default:
			if _, err := dec.ReadToken(); err != nil {
				return readError(raw, err)
			}
			if level+dec.StackDepth() > MaxDepth {
				return ErrDepth
			}
		}
		if dec.StackDepth() == 0 { // the value has ended
			return checkEnd(dec)
		}
	}
}

// checkEnd returns an error if anything follows the value.
func checkEnd(dec *jsontext.Decoder) error {
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errTrailing
	}
	return nil
}

// readError translates the error that stopped the decoder. The decoder returns
// one type of error for invalid UTF-8 and for invalid syntax. Parsing again
// with invalid UTF-8 allowed distinguishes them.
func readError(raw jsontext.Value, err error) error {
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		return errDuplicate
	case raw.IsValid(jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)):
		return errUTF8
	default:
		return SyntaxError(err)
	}
}

// SyntaxError translates an error of package jsontext for the sender, with the
// offset in the text. The error text follows the field's name.
func SyntaxError(err error) error {
	var syntax *jsontext.SyntacticError
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("is not valid JSON: it ends too early")
	case errors.As(err, &syntax) && syntax.Err != nil:
		return fmt.Errorf("is not valid JSON: %w at byte %d", syntax.Err, syntax.ByteOffset)
	default:
		return errors.New("is not valid JSON")
	}
}

// hasSpace reports whether raw contains white space, be it between tokens or
// inside strings. A space inside a string costs a needless copy only.
func hasSpace(raw []byte) bool { return bytes.ContainsAny(raw, " \t\r\n") }

// hasNUL reports whether the literal of a JSON string contains an escaped
// U+0000. An escaped backslash before the text u0000 is not such an escape.
func hasNUL(literal []byte) bool {
	for {
		i := bytes.IndexByte(literal, '\\')
		if i < 0 || i+1 >= len(literal) {
			return false
		}
		if bytes.HasPrefix(literal[i+1:], []byte("u0000")) {
			return true
		}
		literal = literal[i+2:]
	}
}
