package postgres

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"pgregory.net/rapid"
)

func TestKey_OnlyCanonicalUUIDsAreShort(t *testing.T) {
	t.Parallel()
	const canonical = "0195f9d2-7c2e-7abc-8def-0123456789ab"
	for text, length := range map[string]int{
		canonical:                                                    17,
		"00000000-0000-0000-0000-000000000000":                       17,
		"ffffffff-ffff-ffff-ffff-ffffffffffff":                       17,
		strings.ToUpper(canonical):                                   37,
		strings.ReplaceAll(canonical, "-", ""):                       33,
		"{" + canonical + "}":                                        39,
		canonical[:35] + "g":                                         37,
		canonical[:35] + "-":                                         37,
		strings.Replace(canonical, "-", "0", 1):                      37,
		canonical[:8] + "0" + canonical[9:12] + "-" + canonical[13:]: 37,
		"1":                     2,
		strings.Repeat("é", 18): 37,
	} {
		key := appendKey(nil, text)
		if back, err := keyText(key); len(key) != length || back != text || err != nil {
			t.Errorf("%q has a key of %d bytes that is read as %q, %v; want %d bytes and the same text", text, len(key), back, err, length)
		}
	}
}

func TestKey_TextsHaveDifferentKeysAndOrderIsKept(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.StringN(1, 40, 512), rapid.Custom(func(t *rapid.T) string {
		return uuid.UUID(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes")).String()
	}))
	rapid.Check(t, func(t *rapid.T) {
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		keyA, keyB := string(appendKey(nil, a)), string(appendKey(nil, b))
		if (a == b) != (keyA == keyB) {
			t.Errorf("%q and %q have the keys %x and %x", a, b, keyA, keyB)
		}
		if keyA[0] == keyB[0] && (a < b) != (keyA < keyB) {
			t.Errorf("%q and %q are in another order than their keys", a, b)
		}
		if back, err := keyText([]byte(keyA)); back != a || err != nil {
			t.Errorf("%q is read as %q, %v", a, back, err)
		}
	})
}

func TestKey_OtherFormsAreErrors(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"", "\x01short", "\x02other"} {
		if text, err := keyText([]byte(key)); err == nil {
			t.Errorf("the key %q is read as %q", key, text)
		}
	}
}
