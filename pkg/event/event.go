package event

import (
	"strings"
	"time"
)

// Event is one thing that happened, as a service reported it.
//
// Events are values: they can be compared with == and kept as long as one
// likes. The zero Event is invalid.
type Event struct {
	// Topic is the kind of the event, 1 to 255 bytes.
	Topic string
	// ID tells apart the events of a topic, 1 to 512 bytes. It is the
	// sender's: sending an event again means sending the same ID.
	ID string
	// Timestamp is when it happened by the sender's clock: UTC, in whole
	// microseconds.
	Timestamp time.Time
	// Source is who reported it, 1 to 255 bytes.
	Source string
	// Payload is the text of a JSON object without insignificant white
	// space. It is kept as text so that every digit of a number survives.
	Payload string
}

// Key is the identity of an event. Two events with the same key are the same
// event, whatever else they carry; the first one committed is the one kept.
type Key struct {
	Topic string
	ID    string
}

// Key returns the identity of e.
func (e Event) Key() Key { return Key{Topic: e.Topic, ID: e.ID} }

// Size is roughly how many bytes of memory and of network e takes. Bounds in
// bytes are kept with it.
func (e Event) Size() int {
	const fixed = 96 // struct, string headers, a place in a queue
	return fixed + len(e.Topic) + len(e.ID) + len(e.Source) + len(e.Payload)
}

// Compare orders keys bytewise, by topic and then by ID: -1, 0 or +1. Stores
// insert in this order, so that two of them working on the same keys never
// wait for each other in a circle.
func (k Key) Compare(other Key) int {
	if order := strings.Compare(k.Topic, other.Topic); order != 0 {
		return order
	}
	return strings.Compare(k.ID, other.ID)
}

// Outcome is what became of one appended event.
type Outcome uint8

const (
	// Stored says that this append stored the event; it is committed.
	Stored Outcome = iota + 1
	// Duplicate says that the event was committed before, by another append
	// or by an earlier place in this one. The repeat is counted and dropped.
	Duplicate
	// Rejected says that the event can never be stored and was neither
	// stored nor counted. Only layers that isolate a culprit from its
	// neighbours answer it; see package ingest.
	Rejected
	// Queued says that a queue holds the event safely and that it will be
	// stored, or counted as a duplicate, later. Stores never answer it; see
	// package broker.
	Queued
)

// String returns the outcome as one word, for logs and test failures.
func (o Outcome) String() string {
	switch o {
	case Stored:
		return "stored"
	case Duplicate:
		return "duplicate"
	case Rejected:
		return "rejected"
	case Queued:
		return "queued"
	default:
		return "unknown"
	}
}
