// Package digest compares the contents of events: all that the key does not say. Two
// events with one key and different contents are a conflict.
//
// A canonical form of each payload would cost 4 µs, almost as much as storing the event.
// So the digest is that of the payload as it was sent, without insignificant white
// space. Equal digests mean equal contents, and most repeats are equal bytewise. If
// digests differ, [Same] compares the canonical forms.
package digest

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/eventagg/eventagg/pkg/event"
)

// Size is the number of bytes of a digest: the first ones of SHA-256. With 128 bits, two
// contents never have the same digest by chance.
const Size = 16

// Digest identifies the content of an event as it was sent. It is the same in every
// process and in every version of this program, because stores keep it.
type Digest [Size]byte

// Computer computes digests. It reuses its memory, so it must not be used concurrently.
// The zero value is ready to use.
type Computer struct{ buffer []byte }

// maxReusedBytes is the maximum size of a buffer that is kept for the next event.
const maxReusedBytes = 64 << 10

// Of returns the digest of an event.
func (c *Computer) Of(e *event.Event) Digest {
	c.buffer = binary.BigEndian.AppendUint64(c.buffer[:0], uint64(e.Timestamp.UnixMicro()))
	c.buffer = binary.BigEndian.AppendUint16(c.buffer, uint16(len(e.Source))) // no two texts run together
	c.buffer = append(c.buffer, e.Source...)
	c.buffer = append(c.buffer, e.Payload...)
	sum := sha256.Sum256(c.buffer)
	if cap(c.buffer) > maxReusedBytes {
		c.buffer = nil
	}
	return Digest(sum[:Size])
}

// Same reports whether the contents of two events are equal: timestamp, source, and the
// canonical form of the payload (RFC 8785). The order of members and the spelling of
// strings and numbers do not matter. Integers are an exception to RFC 8785: all their
// digits count, because two identifiers of 64 bits can be one floating-point number.
// A timestamp that the server assigned equals every other one.
func Same(a, b *event.Event) bool {
	if !sameTime(a, b) || a.Source != b.Source {
		return false
	}
	return a.Payload == b.Payload || bytes.Equal(canonical(a.Payload), canonical(b.Payload))
}

// sameTime reports whether the senders of two events can have meant the same time.
func sameTime(a, b *event.Event) bool {
	return a.TimeAssigned || b.TimeAssigned || a.Timestamp.Equal(b.Timestamp)
}

// canonical returns the canonical form of a payload. A text that has none, because it is
// not JSON, is its own.
func canonical(payload string) []byte {
	value := jsontext.Value(payload)
	_ = value.Canonicalize(jsontext.CanonicalizeRawInts(false))
	return value
}
