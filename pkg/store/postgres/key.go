package postgres

import (
	"errors"

	"github.com/eventagg/eventagg/pkg/store/identity"
)

// The first byte of a stored key says what follows.
const (
	textKey byte = 0 // the event_id as sent
	uuidKey byte = 1 // the 16 bytes of a canonical UUID
)

// uuidKeyBytes is the length of the key of a canonical UUID.
const uuidKeyBytes = 17

// appendKey appends the stored form of an event_id. Two texts never have the same one.
func appendKey(dst []byte, id string) []byte {
	if bytes, ok := identity.UUID(id); ok {
		return append(append(dst, uuidKey), bytes[:]...)
	}
	return append(append(dst, textKey), id...)
}

var errKey = errors.New("the database returned a key of an unknown form")

// keyText returns the event_id of a stored key.
func keyText(key []byte) (string, error) {
	switch {
	case len(key) == uuidKeyBytes && key[0] == uuidKey:
		return identity.Text([16]byte(key[1:])), nil
	case len(key) > 0 && key[0] == textKey:
		return string(key[1:]), nil
	default:
		return "", errKey
	}
}
