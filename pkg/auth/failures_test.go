package auth

import (
	"net/netip"
	"testing"
	"time"
)

func TestFailures_Add(t *testing.T) {
	t.Parallel()
	now := time.Unix(0, 0)
	failures := NewFailures(func() time.Time { return now })
	failures.addresses.max = 2
	address := func(last byte) netip.Prefix { return AddressPrefix(netip.AddrFrom4([4]byte{192, 0, 2, last})) }
	for _, row := range []struct {
		what    string
		later   time.Duration // than the row before
		address byte
		times   int
		refused int
	}{
		{what: "20 in a minute are allowed", address: 1, times: 20},
		{what: "more are refused", address: 1, times: 3, refused: 3},
		{what: "another address is not affected", address: 2, times: 20},
		{what: "a third has no place of its own, and is counted with others", address: 3, times: 20},
		{what: "such as a fourth", address: 4, times: 1, refused: 1},
		{what: "an address with failures is not forgotten for them", address: 1, times: 1, refused: 1},
		{what: "after three seconds one more is allowed", later: 3 * time.Second, address: 1, times: 2, refused: 1},
		{what: "after a minute all are forgotten", later: time.Minute, address: 4, times: 21, refused: 1},
		{what: "and a new one has a place", address: 5, times: 21, refused: 1},
		{what: "until there are too many", address: 6, times: 21, refused: 1},
	} {
		now = now.Add(row.later)
		refused := 0
		for range row.times {
			if wait := failures.Add(address(row.address)); wait > 0 {
				refused++
				if wait != 3*time.Second {
					t.Errorf("%s: wait %v", row.what, wait)
				}
			}
		}
		if refused != row.refused {
			t.Errorf("%s: %d of %d are refused, want %d", row.what, refused, row.times, row.refused)
		}
	}
	if n := len(failures.addresses.entries); n > 2 {
		t.Errorf("%d addresses are remembered", n)
	}
}
