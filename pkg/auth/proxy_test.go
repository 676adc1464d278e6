package auth

import (
	"net/netip"
	"testing"
)

func TestProxies_ClientAddress(t *testing.T) {
	t.Parallel()
	proxies := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, row := range map[string]struct {
		connection string
		forwarded  []string
		want       string
	}{
		"without the header it is the connection":      {"10.0.0.1", nil, "10.0.0.1"},
		"a client that is not a proxy is not believed": {"192.0.2.1", []string{"198.51.100.1"}, "192.0.2.1"},
		"a proxy is believed":                          {"10.0.0.1", []string{"198.51.100.1"}, "198.51.100.1"},
		"what the client sent itself is ignored":       {"10.0.0.1", []string{"127.0.0.1, 198.51.100.1"}, "198.51.100.1"},
		"also in a header of its own":                  {"10.0.0.1", []string{"127.0.0.1", "198.51.100.1"}, "198.51.100.1"},
		"several proxies are skipped":                  {"10.0.0.1", []string{"198.51.100.1, 10.9.9.9, 10.0.0.2"}, "198.51.100.1"},
		"all addresses are proxies: the first":         {"10.0.0.1", []string{"10.9.9.9, 10.0.0.2"}, "10.9.9.9"},
		"something else than an address":               {"10.0.0.1", []string{"198.51.100.1, unknown, 10.0.0.2"}, "10.0.0.2"},
		"an address with a port":                       {"10.0.0.1", []string{"198.51.100.1:4711"}, "198.51.100.1"},
		"IPv6 in brackets":                             {"fd00::1", []string{"[2001:db8::7]:80"}, "2001:db8::7"},
		"IPv4 in IPv6":                                 {"::ffff:10.0.0.1", []string{"2001:db8::7"}, "2001:db8::7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := proxies.ClientAddress(netip.MustParseAddr(row.connection), row.forwarded); got != netip.MustParseAddr(row.want) {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

func TestNewAddress_NamesTheClient(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"192.0.2.1":         "address 192.0.2.1",
		"::ffff:192.0.2.1":  "address 192.0.2.1",
		"2001:db8:1:2:3::4": "address 2001:db8:1:2::",
		"fe80::1%eth0":      "address fe80::",
	} {
		if got := NewAddress(netip.MustParseAddr(address), Limits{}).Client(); got != want {
			t.Errorf("%s is %q, want %q", address, got, want)
		}
	}
	if got := NewAddress(netip.Addr{}, Limits{}).Client(); got != "address unknown" {
		t.Errorf("no address is %q", got)
	}
}
