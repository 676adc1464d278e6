package fair_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/fair"
)

func TestShares_ARuleForEachSituation(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		held map[string]int64 // of a limit of 100
		n    int64
		fits bool
	}{
		"a client that is alone gets three quarters": {nil, 75, true},
		"and not more":            {nil, 76, false},
		"also bit by bit":         {map[string]int64{"a": 70}, 5, true},
		"and not more bit by bit": {map[string]int64{"a": 70}, 6, false},
		"beside another one it gets as much as stays free":   {map[string]int64{"b": 20}, 40, true},
		"and not more beside another one":                    {map[string]int64{"b": 20}, 41, false},
		"what it holds counts":                               {map[string]int64{"a": 10, "b": 20}, 31, false},
		"the next one finds a part that is free":             {map[string]int64{"b": 75}, 12, true},
		"the one after that, too":                            {map[string]int64{"b": 75, "c": 12}, 6, true},
		"many greedy clients leave some for the next client": {map[string]int64{"b": 30, "c": 30, "d": 30}, 5, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shares := fair.NewShares(100)
			for client, held := range row.held {
				shares.Take(client, held)
			}
			if got := shares.Fits("a", row.n); got != row.fits {
				t.Errorf("fits: %t, want %t", got, row.fits)
			}
		})
	}
}

// TestShares_GreedyClientsNeverTakeAll lets clients take and give back in any order.
func TestShares_GreedyClientsNeverTakeAll(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		const limit = 1 << 20
		shares, held := fair.NewShares(limit), map[string]int64{}
		for range rapid.IntRange(1, 200).Draw(rt, "steps") {
			client := fmt.Sprint(rapid.IntRange(0, 5).Draw(rt, "client"))
			n := rapid.Int64Range(1, limit).Draw(rt, "n")
			if back := min(held[client], n); back > 0 && rapid.Bool().Draw(rt, "back") {
				n = -back
			} else if !shares.Fits(client, n) {
				continue
			}
			shares.Take(client, n)
			held[client] += n
			if shares.Held(client) != held[client] || shares.Used() >= limit {
				rt.Fatalf("%s holds %d, want %d; all hold %d", client, shares.Held(client), held[client], shares.Used())
			}
		}
	})
}

// TestShares_EqualForClientsThatWantMore: clients that always want more end with
// nearly the same share, and one more share is free.
func TestShares_EqualForClientsThatWantMore(t *testing.T) {
	t.Parallel()
	for clients := int64(2); clients <= 8; clients++ {
		const limit = 1000
		shares := fair.NewShares(limit)
		for range limit {
			for client := range clients {
				if name := fmt.Sprint(client); shares.Fits(name, 1) {
					shares.Take(name, 1)
				}
			}
		}
		for client := range clients {
			if held, want := shares.Held(fmt.Sprint(client)), limit/(clients+1); held < want-1 || held > want+1 {
				t.Errorf("one of %d clients holds %d, want %d", clients, held, want)
			}
		}
	}
}
