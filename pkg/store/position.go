package store

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Position is a place in the order in which a store keeps its events. Later
// positions are newer. It is opaque to users; its text form is a cursor.
type Position struct {
	// Commit orders transactions: PostgreSQL's transaction ID, SQLite's row.
	Commit uint64
	// Seq orders the events of one transaction, from 1. Seq 0 lies before all
	// of them.
	Seq uint32
}

var (
	_ encoding.TextMarshaler   = Position{}
	_ encoding.TextUnmarshaler = (*Position)(nil)
)

// IsZero reports whether p is the zero Position.
func (p Position) IsZero() bool { return p == Position{} }

// Compare returns -1, 0 or +1 as p lies before, at or after other.
func (p Position) Compare(other Position) int {
	return cmp.Or(cmp.Compare(p.Commit, other.Commit), cmp.Compare(p.Seq, other.Seq))
}

// String returns the text form: both numbers in base 36, with a dot between.
func (p Position) String() string {
	return strconv.FormatUint(p.Commit, 36) + "." + strconv.FormatUint(uint64(p.Seq), 36)
}

// MarshalText returns String.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// errPosition says that a text is no position.
var errPosition = errors.New("not a position")

// UnmarshalText reads what String writes, and nothing else. Commit must fit a
// signed 64-bit integer, since that is what databases compare it with.
func (p *Position) UnmarshalText(text []byte) error {
	left, right, found := strings.Cut(string(text), ".")
	commit, errCommit := strconv.ParseUint(left, 36, 63)
	seq, errSeq := strconv.ParseUint(right, 36, 31)
	parsed := Position{Commit: commit, Seq: uint32(seq)}
	if !found || errors.Join(errCommit, errSeq) != nil || parsed.String() != string(text) {
		return fmt.Errorf("%q: %w", text, errPosition)
	}
	*p = parsed
	return nil
}
