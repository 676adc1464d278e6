package guide

import (
	"bytes"
	"fmt"
	"path"
	"strings"
	"unicode"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// section is a heading and the text below it, up to the next heading.
type section struct {
	level     int
	id, title string
	text      strings.Builder
}

// rendered is a guide as HTML, with its sections.
type rendered struct {
	html     []byte
	sections []*section
}

// newMarkdown returns a parser and renderer of GitHub's Markdown.
func newMarkdown() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(extension.GFM),
		goldmark.WithParserOptions(parser.WithAutoHeadingID(), parser.WithASTTransformers(util.Prioritized(linkRewriter{}, 0), util.Prioritized(cellLabels{}, 0))),
	)
}

func parse(md goldmark.Markdown, source []byte) ast.Node {
	return md.Parser().Parse(text.NewReader(source), parser.WithContext(parser.NewContext(parser.WithIDs(headingIDs{}))))
}

// render turns a guide into HTML, without its title. Raw HTML in Markdown is
// left out.
func render(topic Topic) (rendered, error) {
	_, body, _ := strings.Cut(topic.Text, "\n")
	source := []byte(body)
	md := newMarkdown()
	root := parse(md, source)
	var html bytes.Buffer
	if err := md.Renderer().Render(&html, source, root); err != nil {
		return rendered{}, fmt.Errorf("render a guide: %w", err)
	}
	return rendered{html: html.Bytes(), sections: sectionsOf(topic.Title, root, source)}, nil
}

// sectionsOf divides a document at its headings. The first section is what
// comes before the first heading.
func sectionsOf(title string, root ast.Node, source []byte) []*section {
	sections := []*section{{level: 1, id: "content", title: title}}
	for block := root.FirstChild(); block != nil; block = block.NextSibling() {
		if heading, ok := block.(*ast.Heading); ok {
			id, _ := heading.AttributeString("id")
			name, _ := id.([]byte)
			sections = append(sections, &section{level: heading.Level, id: string(name), title: plain(block, source)})
			continue
		}
		last := sections[len(sections)-1]
		last.text.WriteString(plain(block, source))
		last.text.WriteByte(' ')
	}
	return sections
}

// plain returns the text below a node in one line.
func plain(node ast.Node, source []byte) string {
	var words strings.Builder
	_ = ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		switch n := n.(type) {
		case *ast.Text:
			if entering {
				words.Write(n.Value(source))
				if n.SoftLineBreak() || n.HardLineBreak() {
					words.WriteByte(' ')
				}
			}
		case *ast.FencedCodeBlock:
			if entering {
				words.Write(n.Lines().Value(source))
			}
		default:
			if !entering && n.Type() == ast.TypeBlock {
				words.WriteByte(' ')
			}
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(words.String()), " ")
}

// linkRewriter turns links between files into links between pages. Links to
// files that are not guides become plain text: the binary does not serve them.
type linkRewriter struct{}

// Transform implements [parser.ASTTransformer].
func (linkRewriter) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	var links []*ast.Link
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if link, ok := n.(*ast.Link); ok && entering {
			links = append(links, link)
		}
		return ast.WalkContinue, nil
	})
	for _, link := range links {
		target := string(link.Destination)
		file, fragment, _ := strings.Cut(target, "#")
		switch {
		case file == "" || strings.Contains(file, "://"):
		case path.Ext(file) == ".md" && !strings.HasPrefix(file, "../../"):
			target = strings.TrimSuffix(file, ".md")
			if fragment != "" {
				target += "#" + fragment
			}
			link.Destination = []byte(target)
		default:
			parent := link.Parent()
			for child := link.FirstChild(); child != nil; child = link.FirstChild() {
				parent.InsertBefore(parent, link, child)
			}
			parent.RemoveChild(parent, link)
		}
	}
}

// headingIDs makes the IDs of headings as GitHub does, so that a link to a
// heading works in both places.
type headingIDs map[string]int

// Generate implements [parser.IDs].
func (ids headingIDs) Generate(value []byte, _ ast.NodeKind) []byte {
	id := strings.Map(func(r rune) rune {
		switch {
		case unicode.IsLetter(r), unicode.IsNumber(r), r == '-', r == '_':
			return unicode.ToLower(r)
		case r == ' ':
			return '-'
		default:
			return -1
		}
	}, strings.TrimSpace(string(value)))
	n := ids[id]
	ids[id]++
	if n > 0 {
		id = fmt.Sprintf("%s-%d", id, n)
	}
	return []byte(id)
}

// Put implements [parser.IDs].
func (ids headingIDs) Put(value []byte) { ids[string(value)]++ }
