package auth_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/eventagg/eventagg/pkg/auth"
)

// key1 and key2 are two keys.
var key1, key2 = auth.NewKey(), auth.NewKey()

func TestParseKeys_ReadsEveryMember(t *testing.T) {
	text := fmt.Sprintf(`
# comments are allowed
- id: shop-prod
  hash: [%s, %s]
  scopes: [publish, read]
  topics: ["order_*", refund]
  expires: 2027-06-30
  limits: {events: 5000, bytes: 10MiB}
- {id: gateway, cert: "spiffe://example.com/gateway", scopes: admin}
`, key1.Hash(), key2.Hash())
	entries, err := auth.ParseKeys([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set, err := auth.NewSet(entries, auth.ScopeMetrics)
	if err != nil {
		t.Fatal(err)
	}
	lastMoment := time.Date(2027, 6, 30, 23, 59, 59, 0, time.UTC)
	for _, key := range []auth.Key{key1, key2} {
		id := set.Find(key.Hash(), lastMoment)
		if id == nil {
			t.Fatal("a key is unknown on its last day")
		}
		if id.Client() != "key shop-prod" || !id.Has(auth.ScopePublish) || !id.Has(auth.ScopeRead) || id.Has(auth.ScopeMetrics) || id.Limits != (auth.Limits{Events: 5000, Bytes: 10 << 20}) {
			t.Errorf("got %+v", id)
		}
		if set.Find(key.Hash(), lastMoment.Add(time.Second)) != nil {
			t.Error("a key is valid on the day after it expired")
		}
	}
	id := set.FindCertificate("spiffe://example.com/gateway", lastMoment)
	if id == nil || !id.Has(auth.ScopePublish|auth.ScopeRead|auth.ScopeMetrics|auth.ScopeAdmin) || !id.MayUse("x") || id.Bounded() {
		t.Errorf("admin has not every right: %+v", id)
	}
	if got := strings.Join(set.IDs(), " "); got != "gateway shop-prod" || set.Public() != auth.ScopeMetrics {
		t.Errorf("got the ids %q", got)
	}
	if set.Find(auth.NewKey().Hash(), lastMoment) != nil {
		t.Error("an unknown key has an identity")
	}
}

func TestParseKeys_NamesTheLineOfEachFault(t *testing.T) {
	hash := key1.Hash().String()
	entry := "- {id: a, hash: " + hash + ", scopes: [read]"
	tests := []struct{ name, text, want string }{
		{"a text in place of a list", "hello", "line 1: expected a list of keys"},
		{"a mapping in place of a list", "id: a", "line 1: expected a list of keys"},
		{"an entry that is a text", "- a", "line 1: expected members"},
		{"two documents", entry + "}\n---\n[]", "more than one YAML document"},
		{"broken YAML", "- {id: a", "invalid YAML"},
		{"a pattern without quotes", entry + ", topics: [*]}", "in quotes"},
		{"an unknown member", entry + ", scope: x}", `line 1: unknown member "scope"`},
		{"a key in place of a member", entry + ", " + key1.Reveal() + ": x}", `line 1: unknown member "…"`},
		{"a member twice", entry + ", id: b}", "line 1: id is there twice"},
		{"no id", "\n- {hash: " + hash + ", scopes: read}", "line 2: id is missing"},
		{"no scopes", "- {id: a, hash: " + hash + "}", "scopes is missing"},
		{"no hash", "- {id: a, scopes: read}", "either hash or cert"},
		{"hash and cert", entry + ", cert: x}", "either hash or cert"},
		{"an invalid id", "- {id: a b, hash: " + hash + ", scopes: read}", "id: use 1 to 64 letters"},
		{"an unknown scope", "- {id: a, hash: " + hash + ", scopes: [write]}", `unknown scope "write"`},
		{"a key in place of its hash", "- {id: a, hash: " + key1.Reveal() + ", scopes: read}", "this is a key"},
		{"a short hash", "- {id: a, hash: sha256:00, scopes: read}", "64 hexadecimal digits"},
		{"an empty list of hashes", "- {id: a, hash: [], scopes: read}", "the list is empty"},
		{"a date that does not exist", entry + ", expires: 2027-02-30}", "expires: expected a date"},
		{"a negative limit", entry + ", limits: {events: -1}}", "events: expected a whole number"},
		{"a limit that is not a size", entry + ", limits: {bytes: 10M}}", "bytes: expected a size such as 10MiB a second"},
		{"an unknown limit", entry + ", limits: {requests: 1}}", `unknown member "requests"`},
		{"a pattern longer than a topic", entry + ", topics: [" + strings.Repeat("x", 256) + "]}", "256 bytes"},
		{"an anchor", "- &a {id: a, hash: " + hash + ", scopes: read}\n- *a", "line 2: expected members"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := auth.ParseKeys([]byte(test.text))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if strings.Contains(err.Error(), key1.Reveal()) || strings.Contains(err.Error(), hash) {
				t.Error("the error has a key or a hash")
			}
		})
	}
}

func TestNewSet_RefusesWhatIsAmbiguousOrEmpty(t *testing.T) {
	hash := []auth.Hash{key1.Hash()}
	tests := []struct {
		name    string
		entries []auth.Entry
		want    string
	}{
		{"no key: never the same as a server without keys", nil, "no key"},
		{"two keys with one hash", []auth.Entry{{ID: "a", Hashes: hash}, {ID: "b", Hashes: hash}}, "a and b have the same hash"},
		{"two keys with one certificate", []auth.Entry{{ID: "a", Certificate: "x"}, {ID: "b", Certificate: "x"}}, "a and b have the same certificate"},
		{"two keys with one id", []auth.Entry{{ID: "a", Hashes: hash}, {ID: "a", Certificate: "x"}}, "two keys have the id a"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if _, err := auth.NewSet(test.entries, 0); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestIdentity_MayUse(t *testing.T) {
	tests := []struct {
		pattern, topic string
		want           bool
	}{
		{"refund", "refund", true},
		{"refund", "refunds", false},
		{"order_*", "order_", true},
		{"order_*", "order_1", true},
		{"order_*", "xorder_1", false},
		{"*_eu", "order_eu", true},
		{"*_eu", "order_eu_x", false},
		{"*", "", true},
		{"a*b*c", "abc", true},
		{"a*b*c", "a1b2b3c", true},
		{"a*b*c", "acb", false},
		{"a*a", "a", false},
		{"a**a", "aa", true},
		{"[ab]?", "a1", false},
		{"ü*", "über", true},
		{"ü*", "uber", false},
	}
	for _, test := range tests {
		set, err := auth.NewSet([]auth.Entry{{ID: "a", Hashes: []auth.Hash{key1.Hash()}, Topics: []string{"other", test.pattern}}}, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got := set.Find(key1.Hash(), time.Now()).MayUse(test.topic); got != test.want {
			t.Errorf("pattern %q, topic %q: %v, want %v", test.pattern, test.topic, got, test.want)
		}
	}
}

func TestSet_StillComparesRights(t *testing.T) {
	now := time.Now()
	hash := []auth.Hash{key1.Hash()}
	before := auth.Entry{ID: "a", Hashes: hash, Scopes: auth.ScopeRead, Topics: []string{"x"}}
	tests := []struct {
		name  string
		after auth.Entry
		want  bool
	}{
		{"the same entry", before, true},
		{"a further hash", auth.Entry{ID: "a", Hashes: []auth.Hash{key2.Hash(), key1.Hash()}, Scopes: auth.ScopeRead, Topics: []string{"x"}}, true},
		{"another hash", auth.Entry{ID: "a", Hashes: []auth.Hash{key2.Hash()}, Scopes: auth.ScopeRead, Topics: []string{"x"}}, false},
		{"another id", auth.Entry{ID: "b", Hashes: hash, Scopes: auth.ScopeRead, Topics: []string{"x"}}, false},
		{"other scopes", auth.Entry{ID: "a", Hashes: hash, Scopes: auth.ScopePublish, Topics: []string{"x"}}, false},
		{"other topics", auth.Entry{ID: "a", Hashes: hash, Scopes: auth.ScopeRead, Topics: []string{"y"}}, false},
		{"expired", auth.Entry{ID: "a", Hashes: hash, Scopes: auth.ScopeRead, Topics: []string{"x"}, Expires: now}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			id := newSet(t, before).Find(key1.Hash(), now)
			if got := newSet(t, test.after).Current(id, now) != nil; got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
	certificate := auth.Entry{ID: "c", Certificate: "x.example", Scopes: auth.ScopeRead}
	if id := newSet(t, certificate).FindCertificate("x.example", now); newSet(t, certificate).Current(id, now) == nil {
		t.Error("a certificate is not the same in an equal set")
	}
	if newSet(t, before).Current(auth.NewAddress(netip.Addr{}, auth.Limits{}), now) != nil {
		t.Error("a client without a key has the rights of a key")
	}
}

func newSet(t testing.TB, entries ...auth.Entry) *auth.Set {
	t.Helper()
	set, err := auth.NewSet(entries, 0)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func FuzzParseKeys(f *testing.F) {
	f.Add("- {id: a, hash: " + key1.Hash().String() + ", scopes: [read]}")
	f.Add("- id: a\n  cert: b\n  scopes: publish\n  expires: 2027-06-30\n  limits: {events: 1}\n  topics: ['*']")
	f.Add("- &a {id: *a}")
	f.Fuzz(func(t *testing.T, text string) {
		entries, err := auth.ParseKeys([]byte(text))
		if err != nil {
			if len(entries) > 0 {
				t.Error("an error and entries")
			}
			return
		}
		for _, e := range entries {
			if !auth.ValidID(e.ID) || e.Scopes == 0 || (len(e.Hashes) == 0) == (e.Certificate == "") {
				t.Errorf("invalid entry %+v", e)
			}
		}
		_, _ = auth.NewSet(entries, 0)
	})
}

func BenchmarkParseKeys_100000(b *testing.B) {
	var text strings.Builder
	for i := range 100_000 {
		fmt.Fprintf(&text, "- id: key-%d\n  hash: %s\n  scopes: [publish]\n", i, auth.NewKey().Hash())
	}
	for b.Loop() {
		entries, err := auth.ParseKeys([]byte(text.String()))
		if err != nil {
			b.Fatal(err)
		}
		newSet(b, entries...)
	}
}

func BenchmarkFind_100000(b *testing.B) {
	entries := make([]auth.Entry, 100_000)
	for i := range entries {
		entries[i] = auth.Entry{ID: fmt.Sprintf("key-%d", i), Hashes: []auth.Hash{auth.NewKey().Hash()}}
	}
	text := auth.NewKey().Reveal()
	key, _ := auth.ParseKey(text)
	entries[0].Hashes = []auth.Hash{key.Hash()}
	set, now := newSet(b, entries...), time.Now()
	b.ReportAllocs()
	for b.Loop() {
		key, err := auth.ParseKey(text)
		if err != nil || set.Find(key.Hash(), now) == nil {
			b.Fatal("not found")
		}
	}
}
