package cmd_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strings"
	"testing"
)

// TestTests_WaitForEvents finds sleeps. Only in a bubble of testing/synctest is
// time.Sleep exact and free.
func TestTests_WaitForEvents(t *testing.T) {
	t.Parallel()
	for file := range goFiles(t, parser.SkipObjectResolution) {
		if !strings.HasSuffix(file.name, "_test.go") || among(file.folder, "scripts/...") || file.name == "pkg/dashboard/shots_test.go" {
			continue // chaos has a schedule, and screenshots are for people
		}
		bubbles := slices.ContainsFunc(file.syntax.Imports, func(spec *ast.ImportSpec) bool { return spec.Path.Value == `"testing/synctest"` })
		ast.Inspect(file.syntax, func(node ast.Node) bool {
			for _, statement := range statements(node) {
				if slept := sleep(statement); slept == "After" || slept == "Sleep" && !bubbles {
					t.Errorf("%s sleeps with time.%s: wait for an event, or use time.Sleep in testing/synctest", file.set.Position(statement.Pos()), slept)
				}
			}
			return true
		})
	}
}

// statements returns the statements of a block. The conditions of a select are not
// among them: a timeout there is no sleep.
func statements(node ast.Node) []ast.Stmt {
	switch node := node.(type) {
	case *ast.BlockStmt:
		return node.List
	case *ast.CaseClause:
		return node.Body
	case *ast.CommClause:
		return node.Body
	default:
		return nil
	}
}

// sleep returns "Sleep" for time.Sleep(d), "After" for <-time.After(d), and nothing
// for other statements.
func sleep(statement ast.Stmt) string {
	expression, ok := statement.(*ast.ExprStmt)
	if !ok {
		return ""
	}
	value := expression.X
	if receive, ok := value.(*ast.UnaryExpr); ok && receive.Op == token.ARROW {
		value = receive.X
	}
	call, ok := value.(*ast.CallExpr)
	if !ok {
		return ""
	}
	function, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || function.Sel.Name != "After" && function.Sel.Name != "Sleep" {
		return ""
	}
	if pkg, ok := function.X.(*ast.Ident); !ok || pkg.Name != "time" {
		return ""
	}
	return function.Sel.Name
}
