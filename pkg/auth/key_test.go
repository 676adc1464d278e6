package auth

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

// sampleKey has the right form and checksum. It opens nothing.
const sampleKey = "ea_ABCDEFGHIJKLMNOPQRSTUVWXYZ_FWBBH3Q"

func TestNewKey(t *testing.T) {
	t.Parallel()
	first, second := NewKey(), NewKey()
	if first == second {
		t.Error("two new keys are the same")
	}
	parsed, err := ParseKey(first.Reveal())
	if err != nil || parsed != first {
		t.Errorf("a new key can't be parsed: %v", err)
	}
}

func TestParseKey(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ name, text, want string }{
		{"a key", sampleKey, ""},
		{"nothing", "", "no API key: the text is empty"},
		{"a password", "correct horse battery staple", "it must begin with ea_"},
		{"a hash in place of its key", "sha256:" + strings.Repeat("0", 64), "it must begin with ea_"},
		{"another prefix", "EA_" + sampleKey[3:], "it must begin with ea_"},
		{"the last character is missing", sampleKey[:len(sampleKey)-1], "it has 36 bytes instead of 37"},
		{"a line end", sampleKey + "\n", "it has 38 bytes instead of 37"},
		{"a lower-case letter", "ea_aBCDEFGHIJKLMNOPQRSTUVWXYZ" + sampleKey[29:], "a character that keys do not have"},
		{"a digit that base 32 does not have", "ea_0BCDEFGHIJKLMNOPQRSTUVWXYZ" + sampleKey[29:], "a character that keys do not have"},
		{"a character in place of the second underscore", sampleKey[:29] + "A" + sampleKey[30:], "a character that keys do not have"},
		{"a control character", sampleKey[:5] + "\x00" + sampleKey[6:], "a character that keys do not have"},
		{"one wrong character", "ea_BBCDEFGHIJKLMNOPQRSTUVWXYZ" + sampleKey[29:], "wrong checksum"},
		{"two neighbours in wrong order", "ea_BACDEFGHIJKLMNOPQRSTUVWXYZ" + sampleKey[29:], "wrong checksum"},
		{"another checksum", sampleKey[:30] + "AAAAAAA", "wrong checksum"},
	} {
		key, err := ParseKey(row.text)
		switch {
		case row.want == "":
			if err != nil || key.Reveal() != row.text {
				t.Errorf("%s: %v", row.name, err)
			}
		case err == nil || !strings.Contains(err.Error(), row.want):
			t.Errorf("%s: got %v, expected %q", row.name, err, row.want)
		case len(row.text) > 8 && strings.Contains(err.Error(), row.text[4:8]):
			t.Errorf("%s: the error contains the text: %v", row.name, err)
		}
	}
}

// TestParseKey_FindsEveryTypo: no single wrong character and no two neighbours in wrong
// order make another valid key.
func TestParseKey_FindsEveryTypo(t *testing.T) {
	t.Parallel()
	text := NewKey().Reveal()
	for i := range len(text) {
		for _, c := range []byte(keyAlphabet + "_") {
			typo := []byte(text)
			typo[i] = c
			if _, err := ParseKey(string(typo)); err == nil && string(typo) != text {
				t.Fatalf("character %d may be %c instead of %c", i, c, text[i])
			}
		}
		if i == 0 {
			continue
		}
		typo := []byte(text)
		typo[i-1], typo[i] = typo[i], typo[i-1]
		if _, err := ParseKey(string(typo)); err == nil && string(typo) != text {
			t.Fatalf("characters %d and %d may be in wrong order", i-1, i)
		}
	}
}

// TestKey_HidesItself: a key that gets into a log or an error by mistake is not printed.
func TestKey_HidesItself(t *testing.T) {
	t.Parallel()
	key := NewKey()
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		fmt.Fprintf(&out, verb+" ", key)
		fmt.Fprintf(&out, verb+" ", struct{ Key Key }{key})
		fmt.Fprintf(&out, verb+" ", []any{&key})
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(handler).Info("test", slog.Any("key", key), slog.Any("group", struct{ Key Key }{key}))
	}
	if err := json.NewEncoder(&out).Encode(key); err != nil {
		t.Error(err)
	}
	secret := key.Reveal()[len(keyPrefix):]
	if text := out.String(); strings.Contains(text, secret[:8]) || strings.Contains(text, hex.EncodeToString([]byte(secret[:8]))) {
		t.Errorf("printed the key: %s", text)
	}
}

func TestKey_Hash(t *testing.T) {
	t.Parallel()
	key, err := ParseKey(sampleKey)
	if err != nil {
		t.Fatal(err)
	}
	session := sha256.Sum256([]byte("eventagg session " + sampleKey))
	stored := sha256.Sum256(session[:])
	if got, want := key.Hash().String(), "sha256:"+hex.EncodeToString(stored[:]); got != want {
		t.Errorf("got %s, expected %s", got, want)
	}
	if [32]byte(key.Session()) != session || key.Session().Hash() != key.Hash() {
		t.Error("the session does not lead to the hash")
	}
}

func TestParseHash(t *testing.T) {
	t.Parallel()
	good := NewKey().Hash()
	for _, row := range []struct{ name, text, want string }{
		{"a hash", good.String(), ""},
		{"a hash in upper case", "sha256:" + strings.ToUpper(good.String()[7:]), ""},
		{"a key", sampleKey, "this is a key"},
		{"nothing", "", "expected sha256:"},
		{"no algorithm", good.String()[7:], "expected sha256:"},
		{"another algorithm", "sha512:" + good.String()[7:], "expected sha256:"},
		{"too short", good.String()[:69], "expected sha256:"},
		{"too long", good.String() + "00", "expected sha256:"},
		{"not hexadecimal", good.String()[:70] + "g", "expected sha256:"},
	} {
		got, err := ParseHash(row.text)
		switch {
		case row.want == "":
			if err != nil || got != good {
				t.Errorf("%s: got %s, %v", row.name, got, err)
			}
		case err == nil || !strings.Contains(err.Error(), row.want):
			t.Errorf("%s: got %v, expected %q", row.name, err, row.want)
		}
	}
}

func FuzzParseKey(f *testing.F) {
	for _, text := range []string{"", sampleKey, sampleKey + "\n", "ea_", "ea_\xff", strings.ToLower(sampleKey)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		key, err := ParseKey(text)
		if err != nil {
			return
		}
		if key.Reveal() != text || len(text) != keyLength {
			t.Errorf("parsed %q as another key", text)
		}
		if hash, err := ParseHash(key.Hash().String()); err != nil || hash != key.Hash() {
			t.Errorf("the hash can't be parsed: %v", err)
		}
	})
}

func BenchmarkKey(b *testing.B) {
	text := NewKey().Reveal()
	b.ReportAllocs()
	for b.Loop() {
		key, err := ParseKey(text)
		if err != nil {
			b.Fatal(err)
		}
		if key.Hash() == (Hash{}) {
			b.Fatal("no hash")
		}
	}
}
