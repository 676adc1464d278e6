package auth

import "net/netip"

// Limits are the rates that a client may send at, on this instance. 0 means no limit.
type Limits struct {
	// Events is the number of events a second, also of invalid ones.
	Events int64
	// Bytes is the size a second, after decompression.
	Bytes int64
}

// Identity is who sent a request, and what the sender may do. It is never changed after
// it was made, because many requests share it.
type Identity struct {
	// Key is the ID of the key, never the key. It is "" without a key.
	Key string
	// Address is the address of the client: one IPv4 address, or 64 bits of an IPv6
	// address, because one machine usually has all addresses below.
	Address netip.Prefix
	// Limits are those of the key, or those of an address without a key.
	Limits Limits

	client string
}

// NewAddress returns the identity of a client without a key.
func NewAddress(address netip.Addr, limits Limits) *Identity {
	prefix := AddressPrefix(address)
	name := "address unknown"
	if prefix.IsValid() {
		name = "address " + prefix.Addr().String()
	}
	return &Identity{Address: prefix, Limits: limits, client: name}
}

// Client returns the name by which shares and limits are counted: "key shop-prod" or
// "address 192.0.2.1".
func (i *Identity) Client() string { return i.client }

// AddressPrefix returns what stands for a client's address: /32 for IPv4, /64 for IPv6.
// An invalid address has an invalid prefix.
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
