package guide

import (
	"github.com/yuin/goldmark/ast"
	extension "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
)

// cellLabels gives each cell of a table the heading of its column, in data-label. On a
// narrow screen a wide table becomes a list of cards without a row of headings. The style
// sheet then shows the label before the cell.
type cellLabels struct{}

// Transform implements [parser.ASTTransformer].
func (cellLabels) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		table, ok := n.(*extension.Table)
		if !ok || !entering {
			return ast.WalkContinue, nil
		}
		var labels []string
		for row := table.FirstChild(); row != nil; row = row.NextSibling() {
			column := 0
			for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
				if _, head := row.(*extension.TableHeader); head {
					labels = append(labels, plain(cell, reader.Source()))
				} else if column < len(labels) {
					cell.SetAttributeString("data-label", []byte(labels[column]))
				}
				column++
			}
		}
		return ast.WalkSkipChildren, nil
	})
}
