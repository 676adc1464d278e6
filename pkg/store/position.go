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
	// Tick orders what one snapshot of a store with several shards adds to the one
	// before. It is always 0 in a store with one writer.
	Tick uint64
	// Commit orders the transactions of a tick: PostgreSQL's number of the
	// transaction, SQLite's row.
	Commit uint64
	// Seq orders the events of one transaction, starting from 1. Seq 0 lies
	// before all of them.
	Seq uint32
	// Fingerprint identifies the data that the position belongs to. PostgreSQL
	// draws one for each tick; in SQLite it is [FingerprintOf] the last event at or
	// before the position. If the database was emptied, or restored from a backup
	// and then written to, another tick or event is there. A name stored in the
	// database would not be sufficient because a copy has the same name.
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
// found at the position. Found is 0 if nothing is at or before the position.
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
	return cmp.Or(cmp.Compare(p.Tick, other.Tick), cmp.Compare(p.Commit, other.Commit), cmp.Compare(p.Seq, other.Seq))
}

// String returns the text form: Commit and Seq in base 36, separated by a dot, with
// Tick and a hyphen in front if it is not 0, and a dot and Fingerprint behind if that
// is not 0.
func (p Position) String() string {
	text := strconv.FormatUint(p.Commit, 36) + "." + strconv.FormatUint(uint64(p.Seq), 36)
	if p.Tick != 0 {
		text = strconv.FormatUint(p.Tick, 36) + "-" + text
	}
	if p.Fingerprint != 0 {
		text += "." + strconv.FormatUint(uint64(p.Fingerprint), 36)
	}
	return text
}

// MarshalText returns String.
func (p Position) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

var errPosition = errors.New("invalid position")

// UnmarshalText reads the text form and accepts nothing else. Tick and Commit must
// fit into a signed 64-bit integer because databases compare them with one.
func (p *Position) UnmarshalText(text []byte) error {
	var tick, fingerprint uint64
	var errTick, errFingerprint error
	first, rest, hasTick := strings.Cut(string(text), "-")
	if hasTick {
		tick, errTick = strconv.ParseUint(first, 36, 63)
	} else {
		rest = first
	}
	left, right, found := strings.Cut(rest, ".")
	commit, errCommit := strconv.ParseUint(left, 36, 63)
	right, last, hasFingerprint := strings.Cut(right, ".")
	seq, errSeq := strconv.ParseUint(right, 36, 31)
	if hasFingerprint {
		fingerprint, errFingerprint = strconv.ParseUint(last, 36, 32)
	}
	parsed := Position{Tick: tick, Commit: commit, Seq: uint32(seq), Fingerprint: uint32(fingerprint)}
	if !found || errors.Join(errTick, errCommit, errSeq, errFingerprint) != nil || parsed.String() != string(text) {
		return fmt.Errorf("%w %q", errPosition, text)
	}
	*p = parsed
	return nil
}
