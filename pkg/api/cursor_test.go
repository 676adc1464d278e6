package api_test

import (
	"encoding/base64"
	"math"
	"net/url"
	"testing"

	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/store"
)

// Clients keep cursors, so every later version must read those of today.
func TestCursor_TextForm(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]api.Cursor{
		"bzAuMA":     {},
		"bjAuMA":     {Newer: true},
		"b2EuMQ":     {Position: store.Position{Commit: 10, Seq: 1}},
		"bjEwLnp6":   {Newer: true, Position: store.Position{Commit: 36, Seq: 1295}},
		"bmEuMS4ycw": {Newer: true, Position: store.Position{Commit: 10, Seq: 1, Fingerprint: 100}},
	} {
		if got, err := api.ParseCursor(text); err != nil || got != want {
			t.Errorf("%s is read as %+v, %v, want %+v", text, got, err, want)
		}
		if got := want.String(); got != text {
			t.Errorf("%+v is written as %s, want %s", want, got, text)
		}
	}
}

func TestParseCursor_RejectsOtherTexts(t *testing.T) {
	t.Parallel()
	encode := func(plain string) string { return base64.RawURLEncoding.EncodeToString([]byte(plain)) }
	for _, test := range []struct{ name, text string }{
		{"nothing", ""},
		{"a position that is not encoded", "a.1"},
		{"no direction", encode("a.1")},
		{"an unknown direction", encode("xa.1")},
		{"a capital direction", encode("Oa.1")},
		{"a direction alone", encode("o")},
		{"a broken position", encode("o1")},
		{"a position written in another way", encode("o01.1")},
		{"padding", base64.URLEncoding.EncodeToString([]byte("oa.1"))},
		{"a line break", "b2Eu\nMQ"},
		{"bits left over", "b2EuMR"},
		{"standard instead of URL encoding", "+/+/"},
	} {
		if got, err := api.ParseCursor(test.text); err == nil || got != (api.Cursor{}) {
			t.Errorf("%s: %q is read as %+v, %v, want an error", test.name, test.text, got, err)
		}
	}
}

func TestCursor_IsReadBackEqualAndFitsIntoAURL(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := api.Cursor{
			Newer: rapid.Bool().Draw(t, "newer"),
			Position: store.Position{
				Commit: rapid.Uint64Range(0, math.MaxInt64).Draw(t, "commit"), Seq: rapid.Uint32Range(0, math.MaxInt32).Draw(t, "seq"),
				Fingerprint: rapid.Uint32().Draw(t, "fingerprint"),
			},
		}
		text := want.String()
		if got, err := api.ParseCursor(text); err != nil || got != want {
			t.Fatalf("%s is read as %+v, %v, want %+v", text, got, err, want)
		}
		if url.QueryEscape(text) != text {
			t.Fatalf("%s needs escapes in a URL", text)
		}
	})
}

func FuzzCursor(f *testing.F) {
	for _, seed := range []string{"bzAuMA", "bjEwLnp6", "", "b2EuMR", "b2Eu\nMQ", "+/+/", "bzAuMA=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := api.ParseCursor(text)
		switch {
		case err != nil && got != (api.Cursor{}):
			t.Fatalf("%q is rejected (%v), but the result is %+v", text, err, got)
		case err == nil && got.String() != text:
			t.Fatalf("%q is read as %+v and written as %q", text, got, got.String())
		}
	})
}
