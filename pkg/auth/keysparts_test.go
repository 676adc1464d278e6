package auth

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// inWhole parses a text without parts.
func inWhole(text string) ([]Entry, error) {
	var problems problems
	entries, err := problems.parse([]byte(text))
	if err == nil {
		err = problems.err()
	}
	return entries, err
}

// sameAsWhole compares the parts of a text with the whole. It reports whether the text can
// be divided.
func sameAsWhole(t *testing.T, text string, size int) bool {
	t.Helper()
	entries, err := parseParts([]byte(text), size)
	if errors.Is(err, errWhole) {
		return false
	}
	want, errWant := inWhole(text)
	if fmt.Sprint(err) != fmt.Sprint(errWant) {
		t.Errorf("%q in parts of %d: error %v, want %v", text, size, err, errWant)
	}
	if err == nil && !cmp.Equal(entries, want) {
		t.Errorf("%q in parts of %d: %s", text, size, cmp.Diff(want, entries))
	}
	return true
}

func TestParseParts_EqualsTheWhole(t *testing.T) {
	t.Parallel()
	entry := func(id string) string {
		return "- id: " + id + "\n  hash: " + NewKey().Hash().String() + "\n  scopes: [publish]\n"
	}
	for name, row := range map[string]struct {
		text    string
		divided bool
	}{
		"entries":                       {entry("a") + entry("b") + entry("c"), true},
		"comments and empty lines":      {entry("a") + "# b\n\n" + entry("b") + "\n", true},
		"a part with only comments":     {"# keys\n" + entry("a") + entry("b"), false},
		"a null before the list":        {"null\n" + entry("a") + entry("b"), false},
		"a fault in the last entry":     {entry("a") + entry("b") + "- id: c\n  scopes: [x]\n", true},
		"faults in every entry":         {strings.Repeat("- id: a b\n  hash: x\n  scopes: x\n", 30), true},
		"an entry that is a text":       {entry("a") + "- b\n" + entry("c"), true},
		"an indented list":              {strings.ReplaceAll(entry("a")+entry("b")+entry("c"), "\n", "\n  "), false},
		"entries in braces":             {"[{id: a, cert: a, scopes: read},\n {id: b, cert: b, scopes: read}]\n" + strings.Repeat("# x\n", 9), true},
		"a list that is not one":        {"id: a\n" + entry("b") + entry("c"), false},
		"an anchor and an alias":        {"- id: a\n  cert: a\n  scopes: &s [read]\n- id: b\n  cert: b\n  scopes: *s\n", false},
		"two documents":                 {entry("a") + "---\n" + entry("b"), false},
		"the end of a document":         {entry("a") + "...\n" + entry("b"), false},
		"a directive":                   {"%YAML 1.2\n---\n" + entry("a") + entry("b"), false},
		"a quoted text like an entry":   {entry("a") + "- id: \"b\n- c\"\n  cert: b\n  scopes: [read]\n", false},
		"a literal text like an entry":  {entry("a") + "- id: b\n  cert: |\n   - c\n  scopes: [read]\n" + entry("d"), true},
		"an entry after a broken one":   {entry("a") + "- {id: b\n" + entry("c"), false},
		"line breaks of Windows":        {strings.ReplaceAll(entry("a")+entry("b"), "\n", "\r\n"), false},
		"an entry without a line break": {entry("a") + strings.TrimSpace(entry("b")), true},
	} {
		if divided := sameAsWhole(t, row.text, 4); divided != row.divided {
			t.Errorf("%s: divided %v", name, divided)
		}
	}
}

func FuzzParseParts(f *testing.F) {
	f.Add("- id: a\n  cert: a\n  scopes: read\n- id: b\n  hash: x\n  topics: \"*\"\n", 5)
	f.Add("- id: \"a\n- b\"\n  'c: |\n - x\n- {a: [b\n- c]}\n", 1)
	f.Add("- ? a\n- : b\n-\n- !!str c\n- >\n", 3)
	f.Fuzz(func(t *testing.T, text string, size int) {
		if size > 0 && size <= len(text) {
			sameAsWhole(t, text, size)
		}
	})
}
