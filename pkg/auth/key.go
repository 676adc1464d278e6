package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"strings"
)

const (
	keyPrefix     = "ea_"
	randomLength  = 26 // characters of rand.Text: 130 bits
	checkedLength = len(keyPrefix) + randomLength
	sumLength     = 7 // characters of 32 bits in base 32
	keyLength     = checkedLength + 1 + sumLength
	keyAlphabet   = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

// Key is an API key: a secret that lets its owner send requests. Format:
//
//	ea_ABCDEFGHIJKLMNOPQRSTUVWXYZ_ABCDEFG
//	│  │                          └ CRC-32 of the text before it, in base 32
//	│  └ 130 random bits in base 32
//	└ prefix, so that scanners for leaked secrets find it
//
// The checksum finds a mistyped or truncated key without a list of valid keys: every
// wrong character, and every two neighbours in wrong order, change it. Package fmt and
// package slog print "ea_xxxxx" for every Key. Only [Key.Reveal] returns the secret.
type Key struct{ text string }

// NewKey returns a new random key.
func NewKey() Key {
	text := keyPrefix + rand.Text()
	sum := checksum(text)
	return Key{text: text + "_" + string(sum[:])}
}

// ParseKey parses a key. Its errors say what is wrong and what to do. They never contain
// the text.
func ParseKey(text string) (Key, error) {
	switch {
	case text == "":
		return Key{}, errors.New("no API key: the text is empty (create a key with 'eventagg key new')")
	case !strings.HasPrefix(text, keyPrefix):
		return Key{}, errors.New("invalid API key: it must begin with " + keyPrefix + " (create one with 'eventagg key new')")
	case len(text) != keyLength:
		return Key{}, fmt.Errorf("invalid API key: it has %d bytes instead of %d (copy it again)", len(text), keyLength)
	case strings.Trim(text[len(keyPrefix):checkedLength], keyAlphabet) != "", text[checkedLength] != '_',
		strings.Trim(text[checkedLength+1:], keyAlphabet) != "":
		return Key{}, errors.New("invalid API key: it has a character that keys do not have (copy it again)")
	}
	if sum := checksum(text[:checkedLength]); string(sum[:]) != text[checkedLength+1:] {
		return Key{}, errors.New("invalid API key: wrong checksum, so a character is wrong or misplaced (copy it again)")
	}
	return Key{text: text}, nil
}

// checksum returns the CRC-32 of the first part of a key in base 32. It uses the table
// directly, because the functions of package crc32 allocate memory for each key.
func checksum(text string) (sum [sumLength]byte) {
	crc := ^uint32(0)
	for i := range len(text) {
		crc = crc32.IEEETable[byte(crc)^text[i]] ^ crc>>8
	}
	var bits [4]byte
	binary.BigEndian.PutUint32(bits[:], ^crc)
	base32.StdEncoding.WithPadding(base32.NoPadding).Encode(sum[:], bits[:])
	return sum
}

// Reveal returns the secret. Use it only to send or to show the key to its owner.
func (k Key) Reveal() string { return k.text }

// hiddenKey is what is printed in place of a key.
const hiddenKey = keyPrefix + "xxxxx"

// String returns a text without the secret.
func (k Key) String() string { return hiddenKey }

// Format prints a text without the secret, for every verb.
func (k Key) Format(state fmt.State, _ rune) { _, _ = io.WriteString(state, hiddenKey) }

// MarshalText returns a text without the secret, for JSON and YAML.
func (k Key) MarshalText() ([]byte, error) { return []byte(hiddenKey), nil }

// LogValue returns a text without the secret.
func (k Key) LogValue() slog.Value { return slog.StringValue(hiddenKey) }

// Session proves that its owner has a key. A browser keeps it as a cookie. It is secret,
// but allows less than the key: the server accepts it only in requests that read.
type Session [sha256.Size]byte

// Session returns the session of the key.
func (k Key) Session() Session {
	const purpose = "eventagg session "
	var text [len(purpose) + keyLength]byte
	n := copy(text[:], purpose)
	n += copy(text[n:], k.text)
	return sha256.Sum256(text[:n])
}

// Hash returns the hash of the session's key.
func (s Session) Hash() Hash { return sha256.Sum256(s[:]) }

// Hash identifies a key without revealing it: SHA-256 of its session. A fast hash is
// enough, because 130 random bits can't be guessed.
type Hash [sha256.Size]byte

// Hash returns the hash of the key.
func (k Key) Hash() Hash { return k.Session().Hash() }

// hashPrefix names the algorithm, so that a later version can add another one.
const hashPrefix = "sha256:"

// String returns the hash as it is written in a keys file: "sha256:" and 64 digits.
func (h Hash) String() string { return hashPrefix + hex.EncodeToString(h[:]) }

// ParseHash parses the text of [Hash.String]. Its errors don't contain the text, which
// may be a key that was written in place of its hash.
func ParseHash(text string) (Hash, error) {
	if strings.HasPrefix(text, keyPrefix) {
		return Hash{}, errors.New("invalid hash: this is a key (write its hash instead: 'eventagg key hash')")
	}
	digits, found := strings.CutPrefix(text, hashPrefix)
	raw, err := hex.DecodeString(digits)
	if !found || err != nil || len(raw) != sha256.Size {
		return Hash{}, errors.New("invalid hash: expected sha256: and 64 hexadecimal digits (as 'eventagg key hash' prints it)")
	}
	return Hash(raw), nil
}
