package identity_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"

	"github.com/eventagg/eventagg/pkg/store/identity"
)

func TestUUID_OnlyTheCanonicalText(t *testing.T) {
	t.Parallel()
	const canonical = "0195f9d2-7c2e-7abc-8def-0123456789ab"
	for text, want := range map[string]bool{
		canonical:                               true,
		"00000000-0000-0000-0000-000000000000":  true,
		"ffffffff-ffff-ffff-ffff-ffffffffffff":  true,
		"":                                      false,
		strings.ToUpper(canonical):              false,
		strings.ReplaceAll(canonical, "-", ""):  false,
		"{" + canonical + "}":                   false,
		canonical[:35]:                          false,
		canonical[:35] + "g":                    false,
		canonical[:35] + "-":                    false,
		"-" + canonical[1:]:                     false,
		strings.Replace(canonical, "-", "0", 1): false,
		canonical[:8] + "0" + canonical[9:12] + "-" + canonical[13:]: false,
		strings.Repeat("é", 18):                                      false,
	} {
		bytes, ok := identity.UUID(text)
		if ok != want || ok && identity.Text(bytes) != text {
			t.Errorf("%q: %x, %t, want %t", text, bytes, ok, want)
		}
	}
}

func TestUUID_AgreesWithTheLibraryAndKeepsTheOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := drawUUID(t, "a"), drawUUID(t, "b")
		bytesA, okA := identity.UUID(a.String())
		bytesB, okB := identity.UUID(b.String())
		if !okA || !okB || bytesA != a || identity.Text(bytesA) != a.String() {
			t.Errorf("%s has the bytes %x", a, bytesA)
		}
		if (a.String() < b.String()) != (string(bytesA[:]) < string(bytesB[:])) {
			t.Errorf("%s and %s are in another order than their bytes", a, b)
		}
	})
}

func drawUUID(t *rapid.T, name string) uuid.UUID {
	return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, name))
}

func FuzzUUID(f *testing.F) {
	f.Add("0195f9d2-7c2e-7abc-8def-0123456789ab")
	f.Add("0195F9D2-7c2e-7abc-8def-0123456789ab")
	f.Fuzz(func(t *testing.T, text string) {
		if bytes, ok := identity.UUID(text); ok && identity.Text(bytes) != text {
			t.Errorf("%q is read back as %q", text, identity.Text(bytes))
		}
	})
}
