package auth

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// Entry is one key of a keys file.
type Entry struct {
	// ID names the key in logs and metrics. It is not secret.
	ID string
	// Hashes are those of the key. There are two while a key is replaced by another.
	Hashes []Hash
	// Certificate is a name in a client certificate that stands for the key: a URI, a
	// DNS name or the common name. An entry has hashes or a certificate.
	Certificate string
	// Scopes are what the key may do.
	Scopes Scope
	// Topics are patterns of the topics that the key may use; nil: all.
	Topics []string
	// Expires is when the key becomes invalid; zero: never.
	Expires time.Time
	// Limits are the rates that the key may send at.
	Limits Limits
}

// Set has the valid keys. It is never changed, so it can be used concurrently.
type Set struct {
	hashes       map[Hash]*Identity
	certificates map[string]*Identity
	ids          []string
	public       Scope
}

// NewSet returns a set of entries. Scopes in public need no key. It is an error if there
// is no entry, or if two entries have the same ID, hash or certificate.
func NewSet(entries []Entry, public Scope) (*Set, error) {
	if len(entries) == 0 {
		return nil, errors.New("there is no key in it (create one with 'eventagg key new')")
	}
	s := &Set{hashes: make(map[Hash]*Identity, len(entries)), certificates: map[string]*Identity{}, public: public}
	for _, e := range entries {
		s.ids = append(s.ids, e.ID)
		for _, hash := range e.Hashes {
			if other := s.hashes[hash]; other != nil {
				return nil, fmt.Errorf("the keys %s and %s have the same hash (each key needs its own)", other.Key, e.ID)
			}
			s.hashes[hash] = newKeyed(e, hash.String())
		}
		if e.Certificate == "" {
			continue
		}
		if other := s.certificates[e.Certificate]; other != nil {
			return nil, fmt.Errorf("the keys %s and %s have the same certificate (each key needs its own)", other.Key, e.ID)
		}
		s.certificates[e.Certificate] = newKeyed(e, e.Certificate)
	}
	slices.Sort(s.ids)
	for i := range s.ids[1:] {
		if s.ids[i] == s.ids[i+1] {
			return nil, fmt.Errorf("two keys have the id %s (write both hashes into one entry)", s.ids[i])
		}
	}
	return s, nil
}

// Find returns the identity of a key, or nil if the key is unknown or has expired.
func (s *Set) Find(hash Hash, now time.Time) *Identity { return valid(s.hashes[hash], now) }

// FindCertificate returns the identity of a name in a verified client certificate, or nil
// if it is unknown or has expired.
func (s *Set) FindCertificate(name string, now time.Time) *Identity {
	return valid(s.certificates[name], now)
}

// Current returns the identity in this set of a client that has an identity of an earlier
// set. It has the same rights, but perhaps other limits. It is nil if the rights are others,
// or if the key was removed or has expired.
func (s *Set) Current(id *Identity, now time.Time) *Identity {
	current := s.certificates[id.proof]
	if hash, err := ParseHash(id.proof); err == nil {
		current = s.hashes[hash]
	}
	current = valid(current, now)
	if current == nil || current.Key != id.Key || current.scopes != id.scopes || !slices.Equal(current.topics, id.topics) {
		return nil
	}
	return current
}

// Public returns the scopes that need no key.
func (s *Set) Public() Scope { return s.public }

// IDs returns the IDs of all keys in order.
func (s *Set) IDs() []string { return s.ids }

func valid(id *Identity, now time.Time) *Identity {
	if id == nil || id.expired(now) {
		return nil
	}
	return id
}
