package store

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Position is a place in the order in which a store keeps its events. Later
// positions are newer. It is opaque to users; its text form is a cursor.
type Position struct {
	// Commit orders transactions: PostgreSQL's transaction ID, SQLite's row.
	Commit uint64
	// Seq orders the events of one transaction, from 1. Seq 0 lies before all
	// of them.
	Seq uint32
	// Fingerprint tells whose data the place is in. It is [FingerprintOf] the last event at or
	// before the place, which in other data is another event: in a database that
	// was emptied or renumbered, or went back to a backup and grew on from there.
	// A name that the database has for itself would not do, since a copy has it,
	// too.
	//
	// It is 0 where it isn't known: on a place before all events, and in a cursor
	// of a version that had no marks. Stores take such a position without looking.
	// Refused, an upgrade would make every follower there is begin anew and miss
	// what was stored meanwhile; taken, those alone may miss something who come
	// back with an old cursor after a restore, as it was when they got it.
	Fingerprint uint32
}

// FingerprintOf returns the mark of the positions from an event up to the next one, by
// the event's [Record.CreatedAt]. The same microsecond at the same place is the
// same event, also after dump and restore.
func FingerprintOf(created time.Time) uint32 { return max(1, uint32(created.UnixMicro())) }

// Check returns [ErrForeignPosition] where p bears another mark than the one found in
// the store for its place. Found is 0 where no event is at or before the place.
func (p Position) Check(found uint32) error {
	if p.Fingerprint != 0 && p.Fingerprint != found {
		return fmt.Errorf("%v: %w", p, ErrForeignPosition)
	}
	return nil
}

var (
	_ encoding.TextMarshaler   = Position{}
	_ encoding.TextUnmarshaler = (*Position)(nil)
)

// IsZero reports whether p is the zero Position.
func (p Position) IsZero() bool { return p == Position{} }

// Compare returns -1, 0 or +1 as p lies before, at or after other. Both must be of
// the same data: marks don't count.
func (p Position) Compare(other Position) int {
	return cmp.Or(cmp.Compare(p.Commit, other.Commit), cmp.Compare(p.Seq, other.Seq))
}

// String returns the text form: the numbers in base 36, with dots between. There
// are two where Fingerprint is 0, and otherwise three.
func (p Position) String() string {
	text := strconv.FormatUint(p.Commit, 36) + "." + strconv.FormatUint(uint64(p.Seq), 36)
	if p.Fingerprint != 0 {
		text += "." + strconv.FormatUint(uint64(p.Fingerprint), 36)
	}
	return text
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
	right, last, marked := strings.Cut(right, ".")
	seq, errSeq := strconv.ParseUint(right, 36, 31)
	var mark uint64
	var errMark error
	if marked {
		mark, errMark = strconv.ParseUint(last, 36, 32)
	}
	parsed := Position{Commit: commit, Seq: uint32(seq), Fingerprint: uint32(mark)}
	if !found || errors.Join(errCommit, errSeq, errMark) != nil || parsed.String() != string(text) {
		return fmt.Errorf("%q: %w", text, errPosition)
	}
	*p = parsed
	return nil
}
