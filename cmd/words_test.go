package cmd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/cmd"
)

// habits are words that make a text hard to read, with what to write instead.
func habits() map[*regexp.Regexp]string {
	return map[*regexp.Regexp]string{
		regexp.MustCompile(`(?i)\b(nobody|somebody|whoever)\b`):                  "caller, client, operator, sender, reader",
		regexp.MustCompile(`(?i)\bis no\b`):                                      "invalid X, not a valid X",
		regexp.MustCompile(`(?i)\banswer(s|ed|ing)?\b`):                          "response, result, return",
		regexp.MustCompile(`(?i)\b(told|hears?|heard)\b`):                        "log, report, notify, return",
		regexp.MustCompile(`(?i)\b(is|are|goes|be|been|was|were) away\b`):        "unavailable",
		regexp.MustCompile(`(?i)\bbeyond: `):                                     "at most; then a sentence for the consequence",
		regexp.MustCompile(`(?i)^most \w+|[^t] most (events|bytes|connections)`): "maximum, at most",
		regexp.MustCompile(`(?i)\b(shelf|shelved|graveyard|bury|buried)\b`):      "parked, dead letter",
		regexp.MustCompile(`(?i)\b(made-up|mends?|befalls?|whole of)\b`):         "generated, fix, all",
		regexp.MustCompile(`(?i)\b(second|other|first) way\b`):                   "target, route",
		regexp.MustCompile(`(?i)\bin vain\b`):                                    "without success",
	}
}

// allowed removes the phrases with such a word that are right as they are.
func allowed() *strings.Replacer {
	return strings.NewReplacer("here is no", "", "is no longer", "")
}

// TestWords_ArePlain looks for such words in everything that users read.
func TestWords_ArePlain(t *testing.T) {
	t.Parallel()
	texts := documents(t)
	texts["help"] = cmd.CommandReference()
	for _, pattern := range []string{"../.github/*.md", "../docker-compose.yml", "../config/*", "../config/*/*.yaml", "../pkg/server/openapi/*.yaml", "../pkg/dashboard/page/texts.js", "../sql/*/*/*.sql"} {
		paths, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if filepath.Ext(path) != "" {
				texts[path] = readFile(t, path)
			}
		}
	}
	for _, root := range []string{"../cmd", "../pkg"} {
		err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && filepath.Ext(path) == ".go" && !strings.HasSuffix(path, "_test.go") && !strings.Contains(path, "test/") && !strings.Contains(path, "testdb/") {
				texts[path] = sentences(t, path)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(texts)) {
		for line := range strings.Lines(allowed().Replace(texts[path])) {
			for pattern, better := range habits() {
				if word := pattern.FindString(line); word != "" {
					t.Errorf("%s: %q: write: %s\n%s", path, word, better, strings.TrimSpace(line))
				}
			}
		}
	}
}

// sentences returns the texts of a Go file that have at least three words, each
// in a line. Users meet them as errors, help, log messages and problems.
func sentences(t *testing.T, path string) string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	var found strings.Builder
	ast.Inspect(file, func(n ast.Node) bool {
		if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
			if text, err := strconv.Unquote(literal.Value); err == nil && len(strings.Fields(text)) > 2 {
				found.WriteString(strings.Join(strings.Fields(text), " ") + "\n")
			}
		}
		return true
	})
	return found.String()
}
