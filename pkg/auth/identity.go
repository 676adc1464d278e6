package auth

import (
	"net/netip"
	"slices"
	"strings"
	"time"
)

// Limits are the rates that a client may send at, on this instance. 0 means no limit.
type Limits struct {
	// Events is the number of events a second, also of invalid ones.
	Events int64
	// Bytes is the size a second, after decompression.
	Bytes int64
}

// Identity is the client of a request, and what it may do. Many requests share one, so it
// is never changed.
type Identity struct {
	// Key is the ID of the key, never the key. It is "" without a key.
	Key string
	// Address is the address of a client without a key: one IPv4 address, or the first
	// 64 bits of an IPv6 address, because one machine usually has the whole network.
	Address netip.Prefix
	// Limits are those of the key, or those of an address without a key.
	Limits Limits

	client  string
	proof   string // the hash or the certificate; "" without a key
	scopes  Scope
	topics  []string
	expires time.Time
}

// NewAddress returns the identity of a client without a key. It has no scope.
func NewAddress(address netip.Addr, limits Limits) *Identity {
	prefix := AddressPrefix(address)
	name := "address unknown"
	if prefix.IsValid() {
		name = "address " + prefix.Addr().String()
	}
	return &Identity{Address: prefix, Limits: limits, client: name}
}

// newKeyed returns the identity of an entry's key, for one of its hashes or its
// certificate.
func newKeyed(e Entry, proof string) *Identity {
	return &Identity{
		Key: e.ID, Limits: e.Limits, client: "key " + e.ID,
		proof: proof, scopes: e.Scopes, topics: e.Topics, expires: e.Expires,
	}
}

// Client returns the name by which shares and limits are counted: "key shop-prod" or
// "address 192.0.2.1".
func (i *Identity) Client() string { return i.client }

// Has reports whether the key has a scope.
func (i *Identity) Has(scope Scope) bool { return i.scopes.Has(scope) }

// MayUse reports whether the key may publish and read a topic. A key without patterns
// may use all topics.
func (i *Identity) MayUse(topic string) bool {
	return i.topics == nil || slices.ContainsFunc(i.topics, func(pattern string) bool { return MatchTopic(pattern, topic) })
}

// Topics returns the patterns of the topics that the key may use, nil for all. The caller
// must not change it.
func (i *Identity) Topics() []string { return i.topics }

// Bounded reports whether the key may use only some topics.
func (i *Identity) Bounded() bool { return i.topics != nil }

// OnlyTopic returns the topic of a key that may use exactly one, otherwise "".
func (i *Identity) OnlyTopic() string {
	if len(i.topics) != 1 || strings.Contains(i.topics[0], wildcard) {
		return ""
	}
	return i.topics[0]
}

// expired reports whether the key is no longer valid.
func (i *Identity) expired(now time.Time) bool {
	return !i.expires.IsZero() && !now.Before(i.expires)
}

// AddressPrefix returns the part of an address by which clients are distinguished: /32 of
// IPv4, /64 of IPv6. An invalid address has an invalid prefix.
func AddressPrefix(address netip.Addr) netip.Prefix {
	const subnet = 64
	address = address.Unmap().WithZone("")
	if address.Is4() {
		return netip.PrefixFrom(address, address.BitLen())
	}
	prefix, err := address.Prefix(subnet)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
