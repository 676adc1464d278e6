package auth_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/eventagg/eventagg/pkg/auth"
)

func TestChangesSince_NamesWhatHasChanged(t *testing.T) {
	t.Parallel()
	shop := auth.Entry{ID: "shop", Hashes: []auth.Hash{key1.Hash()}, Scopes: auth.ScopePublish}
	other := auth.Entry{ID: "other", Certificate: "other.example", Scopes: auth.ScopeRead}
	change := func(do func(*auth.Entry)) []auth.Entry {
		changed := shop
		do(&changed)
		return []auth.Entry{changed, other}
	}
	for _, row := range []struct {
		name     string
		old, now []auth.Entry
		want     auth.Changes
	}{
		{"the first load", nil, []auth.Entry{shop, other}, auth.Changes{Added: []string{"other", "shop"}}},
		{"nothing", []auth.Entry{shop, other}, []auth.Entry{other, shop}, auth.Changes{}},
		{"a key is removed", []auth.Entry{shop, other}, []auth.Entry{other}, auth.Changes{Removed: []string{"shop"}}},
		{
			"a new hash beside the old one", []auth.Entry{shop, other},
			change(func(e *auth.Entry) { e.Hashes = []auth.Hash{key1.Hash(), key2.Hash()} }), auth.Changes{Changed: []string{"shop: hash added"}},
		},
		{
			"the old hash is removed", change(func(e *auth.Entry) { e.Hashes = []auth.Hash{key1.Hash(), key2.Hash()} }),
			[]auth.Entry{shop, other}, auth.Changes{Changed: []string{"shop: hash removed"}},
		},
		{
			"a hash is replaced", []auth.Entry{shop, other},
			change(func(e *auth.Entry) { e.Hashes = []auth.Hash{key2.Hash()} }), auth.Changes{Changed: []string{"shop: hash added, hash removed"}},
		},
		{
			"a hash moves to another key", []auth.Entry{shop, other},
			change(func(e *auth.Entry) { e.ID = "store" }), auth.Changes{Added: []string{"store"}, Removed: []string{"shop"}},
		},
		{
			"the rights", []auth.Entry{shop, other},
			change(func(e *auth.Entry) {
				e.Scopes, e.Topics, e.Limits, e.Expires = auth.ScopeRead, []string{"t"}, auth.Limits{Events: 1}, time.Unix(1, 0)
			}),
			auth.Changes{Changed: []string{"shop: expires, limits, scopes, topics"}},
		},
		{
			"a certificate in place of a hash", []auth.Entry{shop, other},
			change(func(e *auth.Entry) { e.Hashes, e.Certificate = nil, "shop.example" }), auth.Changes{Changed: []string{"shop: cert added, hash removed"}},
		},
	} {
		var old *auth.Set
		if row.old != nil {
			old = newSet(t, row.old...)
		}
		got := newSet(t, row.now...).ChangesSince(old)
		for _, list := range []*[]string{&got.Added, &got.Removed, &got.Changed} {
			if len(*list) == 0 {
				*list = nil
			}
		}
		if !cmp.Equal(got, row.want) {
			t.Errorf("%s: %s", row.name, cmp.Diff(row.want, got))
		}
	}
}
