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

// Position is a position in the order of a store's events. Later positions are
// newer. It is opaque to users; its text form is a cursor.
type Position struct {
	// Commit orders transactions: PostgreSQL's transaction ID, SQLite's row.
	Commit uint64
	// Seq orders the events of one transaction, starting from 1. Seq 0 lies
	// before all of them.
	Seq uint32
	// Fingerprint identifies the data that the position belongs to. It is
	// [FingerprintOf] the last event at or before the position. If the database
	// was emptied, renumbered, or restored from a backup and then written to,
	// another event is there. A name stored in the database would not be
	// sufficient because a copy has the same name.
	//
	// Fingerprint is 0 if it is unknown: before all events, and in a cursor of
	// a version without fingerprints. Stores accept such a position without a
	// check. Rejecting it would reset every follower on upgrade. Accepting it
	// can only lose events for a client that reconnects with an old cursor
	// after a restore, as before.
	Fingerprint uint32
}

// FingerprintOf returns the fingerprint of the positions from an event up to the
// next one. It is made from the event's [Record.CreatedAt]: the same microsecond
// at the same position means the same event, also after dump and restore.
func FingerprintOf(created time.Time) uint32 { return max(1, uint32(created.UnixMicro())) }

// Check returns [ErrForeignPosition] if p has another fingerprint than the store
// found at the position. Found is 0 if no event is at or before the position.
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

// Compare returns -1, 0 or +1 if p lies before, at or after other. Both must be
// of the same data; it ignores fingerprints.
func (p Position) Compare(other Position) int {
	return cmp.Or(cmp.Compare(p.Commit, other.Commit), cmp.Compare(p.Seq, other.Seq))
}

// String returns the text form: two numbers in base 36, separated by dots, or
// three if Fingerprint is not 0.
func (p Position) String() string {
	text := strconv.FormatUint(p.Commit, 36) + "." + strconv.FormatUint(uint64(p.Seq), 36)
	if p.Fingerprint != 0 {
		text += "." + strconv.FormatUint(uint64(p.Fingerprint), 36)
	}
	return text
}

// MarshalText returns String.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

var errPosition = errors.New("invalid position")

// UnmarshalText reads the text form and accepts nothing else. Commit must fit
// into a signed 64-bit integer because databases compare it with one.
func (p *Position) UnmarshalText(text []byte) error {
	left, right, found := strings.Cut(string(text), ".")
	commit, errCommit := strconv.ParseUint(left, 36, 63)
	right, last, hasFingerprint := strings.Cut(right, ".")
	seq, errSeq := strconv.ParseUint(right, 36, 31)
	var fingerprint uint64
	var errFingerprint error
	if hasFingerprint {
		fingerprint, errFingerprint = strconv.ParseUint(last, 36, 32)
	}
	parsed := Position{Commit: commit, Seq: uint32(seq), Fingerprint: uint32(fingerprint)}
	if !found || errors.Join(errCommit, errSeq, errFingerprint) != nil || parsed.String() != string(text) {
		return fmt.Errorf("%w %q", errPosition, text)
	}
	*p = parsed
	return nil
}
