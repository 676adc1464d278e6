package auth

import (
	"net/netip"
	"slices"
	"strings"
)

// Proxies are the addresses of the proxies whose X-Forwarded-For is trusted.
type Proxies []netip.Prefix

// Contains reports whether an address is that of a proxy.
func (p Proxies) Contains(address netip.Addr) bool {
	address = address.Unmap().WithZone("")
	return slices.ContainsFunc(p, func(prefix netip.Prefix) bool { return prefix.Contains(address) })
}

// ClientAddress returns the address of the client behind proxies: the last address in
// X-Forwarded-For that is not a proxy. The client itself may have sent the addresses
// before it, so they are ignored. At a part of the header that is not an address, the
// search ends with the proxy that was found last.
func (p Proxies) ClientAddress(connection netip.Addr, forwardedFor []string) netip.Addr {
	client := connection
	for _, value := range slices.Backward(forwardedFor) {
		hops := strings.Split(value, ",")
		for _, hop := range slices.Backward(hops) {
			if !p.Contains(client) {
				return client
			}
			address, ok := parseHop(strings.TrimSpace(hop))
			if !ok {
				return client
			}
			client = address
		}
	}
	return client
}

// parseHop parses an address. Some proxies add a port.
func parseHop(text string) (netip.Addr, bool) {
	if address, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return address, true
	}
	address, err := netip.ParseAddrPort(text)
	return address.Addr(), err == nil
}
