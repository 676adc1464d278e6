package server

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// maxWalkFiles is the maximum number of files that a reader has to open to follow
// one event from the socket to its response.
const maxWalkFiles = 15

// step is a line of the list in pkg/guide/architecture.md: a file, and the function
// in it that the request passes.
type step struct{ file, function string }

// TestWalk_OfArchitectureGuideIsTrue checks the section "The walk of one publish":
// each file exists and has the function, and no file appears twice, so that a
// publish walks forward only.
func TestWalk_OfArchitectureGuideIsTrue(t *testing.T) {
	t.Parallel()
	steps := readWalk(t)
	if len(steps) < 10 || len(steps) > maxWalkFiles {
		t.Errorf("the walk has %d files, want 10 to %d", len(steps), maxWalkFiles)
	}
	seen := map[string]bool{}
	for _, s := range steps {
		if seen[s.file] {
			t.Errorf("the walk returns to %s", s.file)
		}
		seen[s.file] = true
		path := filepath.Join("..", "..", filepath.FromSlash(s.file))
		switch {
		case filepath.Ext(path) != ".go":
			if _, err := os.Stat(path); err != nil {
				t.Error(err)
			}
		case s.function == "":
			t.Errorf("%s: no function is named", s.file)
		case !functions(t, path)[s.function]:
			t.Errorf("%s: no function %s", s.file, s.function)
		}
	}
}

// readWalk reads the numbered list of the walk from the guide. Each line has the
// form "1. `file` `function`: what happens".
func readWalk(t *testing.T) []step {
	t.Helper()
	guide, err := os.ReadFile(filepath.Join("..", "guide", "architecture.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(guide), "\n## The walk of one publish\n")
	if !found {
		t.Fatal(`the guide has no section "The walk of one publish"`)
	}
	section, _, _ = strings.Cut(section, "\n## ")
	line := regexp.MustCompile("(?m)^(\\d+)\\. `([^`]+)`(?: `([^`]+)`)?: .+")
	var steps []step
	for i, match := range line.FindAllStringSubmatch(section, -1) {
		if match[1] != strconv.Itoa(i+1) {
			t.Errorf("line %d has the number %s", i+1, match[1])
		}
		steps = append(steps, step{file: match[2], function: match[3]})
	}
	return steps
}

// functions returns the functions of a Go file by name, methods as "Type.Method".
func functions(t *testing.T, path string) map[string]bool {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{}
	for _, declaration := range file.Decls {
		function, ok := declaration.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := function.Name.Name
		if function.Recv != nil {
			receiver := function.Recv.List[0].Type
			if pointer, ok := receiver.(*ast.StarExpr); ok {
				receiver = pointer.X
			}
			if named, ok := receiver.(*ast.Ident); ok {
				name = named.Name + "." + name
			}
		}
		names[name] = true
	}
	return names
}
