package server

import (
	"context"
	"crypto/subtle"
	"sync/atomic"

	"github.com/eventagg/eventagg/pkg/auth"
)

// keyCache remembers the hash of the last key of a connection. Nearly all requests of a
// connection have the same key. To parse and hash it again takes 4.5 µs on a busy
// machine, to compare it 0.23 µs; a whole request takes 20 to 30 µs.
// Only the hash is remembered, never what the key may do: that can change at any time.
type keyCache struct{ last atomic.Pointer[sentKey] }

// sentKey is an Authorization header with a valid key, and the hash of the key.
type sentKey struct {
	header [maxSentKey]byte
	length int
	hash   auth.Hash
}

// maxSentKey has room for the scheme, some spaces and a key.
const maxSentKey = 64

// cacheKey is the context key of the keyCache of a connection.
type cacheKey struct{}

// withKeyCache returns a context for a connection.
func withKeyCache(ctx context.Context) context.Context {
	return context.WithValue(ctx, cacheKey{}, new(keyCache))
}

// hashOf returns the hash of the key in Authorization headers.
func hashOf(ctx context.Context, headers []string) (auth.Hash, error) {
	cache, _ := ctx.Value(cacheKey{}).(*keyCache)
	if hash, found := cache.find(headers); found {
		return hash, nil
	}
	key, err := auth.ParseKey(bearerToken(headers))
	if err != nil {
		return auth.Hash{}, err
	}
	hash := key.Hash()
	cache.remember(headers[0], hash)
	return hash, nil
}

// find returns the hash if a request has the same header as the one before. The time of
// the comparison tells nothing: a proxy sends requests of several clients over one
// connection.
func (c *keyCache) find(headers []string) (auth.Hash, bool) {
	if c == nil || len(headers) != 1 || len(headers[0]) > maxSentKey {
		return auth.Hash{}, false
	}
	last := c.last.Load()
	if last == nil || last.length != len(headers[0]) {
		return auth.Hash{}, false
	}
	var header [maxSentKey]byte
	copy(header[:], headers[0])
	if subtle.ConstantTimeCompare(header[:], last.header[:]) == 0 {
		return auth.Hash{}, false
	}
	return last.hash, true
}

// remember keeps the hash of a valid key.
func (c *keyCache) remember(header string, hash auth.Hash) {
	if c == nil || len(header) > maxSentKey {
		return
	}
	sent := &sentKey{length: len(header), hash: hash}
	copy(sent.header[:], header)
	c.last.Store(sent)
}
