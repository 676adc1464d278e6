package sqlite

import (
	"errors"

	"github.com/eventagg/eventagg/pkg/store/identity"
)

// storedKey returns the stored form of an event_id: a blob if it is a canonical UUID,
// otherwise the text. SQLite never takes a blob and a text for equal.
func storedKey(id string) any {
	if bytes, ok := identity.UUID(id); ok {
		return bytes[:]
	}
	return id
}

var errKey = errors.New("the database file has a key of an unknown form")

// keyText returns the event_id of a stored key.
func keyText(key any) (string, error) {
	switch key := key.(type) {
	case string:
		return key, nil
	case []byte:
		if len(key) == len([16]byte{}) {
			return identity.Text([16]byte(key)), nil
		}
	}
	return "", errKey
}
