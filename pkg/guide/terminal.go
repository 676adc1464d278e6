package guide

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	extension "github.com/yuin/goldmark/extension/ast"
)

// usualWidth is the number of columns of a terminal that does not report them, for example
// a serial console or a container's.
const usualWidth = 80

// Terminal lays the guide out for a terminal with so many columns (0: not known). If
// styled is true, headings and code are bold; there are no colours, so that the text
// suits a light and a dark background.
func (t Topic) Terminal(width int, styled bool) string {
	if width <= 0 {
		width = usualWidth
	}
	source := []byte(t.Text)
	l := layout{source: source, styled: styled}
	return strings.Join(l.blocks(parse(newMarkdown(), source), width), "\n") + "\n"
}

// layout turns blocks of Markdown into lines.
type layout struct {
	source []byte
	styled bool
}

// blocks lays out the children of a node. A blank line separates them, except
// in a list without blank lines.
func (l layout) blocks(parent ast.Node, width int) []string {
	var lines []string
	list, isList := parent.(*ast.List)
	for child := parent.FirstChild(); child != nil; child = child.NextSibling() {
		block := l.block(child, width)
		if len(lines) > 0 && len(block) > 0 && (!isList || !list.IsTight) && child.Kind() != ast.KindTextBlock {
			lines = append(lines, "")
		}
		lines = append(lines, block...)
	}
	return lines
}

func (l layout) block(node ast.Node, width int) []string {
	switch node := node.(type) {
	case *ast.Heading:
		return []string{l.bold(l.inline(node))}
	case *ast.Paragraph, *ast.TextBlock:
		return wrap(l.inline(node), width)
	case *ast.FencedCodeBlock:
		return indent("    ", "    ", strings.Split(strings.TrimSuffix(string(node.Lines().Value(l.source)), "\n"), "\n"))
	case *ast.List:
		return l.blocks(node, width)
	case *ast.ListItem:
		marker := "• "
		if list, ok := node.Parent().(*ast.List); ok && list.IsOrdered() {
			marker = fmt.Sprintf("%d. ", list.Start+position(node))
		}
		rest := strings.Repeat(" ", utf8.RuneCountInString(marker))
		return indent(marker, rest, l.blocks(node, width-len(rest)))
	case *ast.Blockquote:
		return indent("│ ", "│ ", l.blocks(node, width-2))
	case *extension.Table:
		return l.table(node, width)
	default:
		return nil
	}
}

// position returns how many siblings come before a node.
func position(node ast.Node) int {
	n := 0
	for sibling := node.PreviousSibling(); sibling != nil; sibling = sibling.PreviousSibling() {
		n++
	}
	return n
}

func indent(first, rest string, lines []string) []string {
	indented := make([]string, len(lines))
	for i, line := range lines {
		prefix := rest
		if i == 0 {
			prefix = first
		}
		indented[i] = strings.TrimRight(prefix+line, " ")
	}
	return indented
}

// inline returns the text of a block in one line. Links to other guides are
// their text alone.
func (l layout) inline(parent ast.Node) string {
	var text strings.Builder
	for node := parent.FirstChild(); node != nil; node = node.NextSibling() {
		switch node := node.(type) {
		case *ast.Text:
			text.Write(node.Value(l.source))
			if node.SoftLineBreak() || node.HardLineBreak() {
				text.WriteByte(' ')
			}
		case *ast.CodeSpan:
			text.WriteString(l.code(plain(node, l.source)))
		case *ast.Emphasis:
			text.WriteString(l.bold(l.inline(node)))
		case *ast.AutoLink:
			text.Write(node.URL(l.source))
		case *ast.Link:
			text.WriteString(l.inline(node))
			if target := string(node.Destination); strings.Contains(target, "://") {
				text.WriteString(" (" + target + ")")
			}
		default:
			text.WriteString(l.inline(node))
		}
	}
	return text.String()
}

func (l layout) bold(text string) string {
	if !l.styled {
		return text
	}
	return "\x1b[1m" + text + "\x1b[22m"
}

func (l layout) code(text string) string {
	if !l.styled {
		return "`" + text + "`"
	}
	return l.bold(text)
}

// minColumn is the width below which prose in a column is hard to read.
const minColumn = 30

// records lays out a table that is too wide for its columns: each cell is a
// line, with its column's heading in front.
func (l layout) records(rows [][]string, width int) []string {
	const margin = "    "
	var lines []string
	for _, row := range rows[1:] {
		lines = append(lines, wrap(row[0], width)...)
		for c, cell := range row[1:] {
			if cell != "" {
				lines = append(lines, indent(margin, margin, wrap(rows[0][c+1]+": "+cell, width-len(margin)))...)
			}
		}
	}
	return lines
}

// table lays out a table. If it is too wide, the widest columns are wrapped.
func (l layout) table(table *extension.Table, width int) []string {
	const gap = "  "
	var rows [][]string
	for row := table.FirstChild(); row != nil; row = row.NextSibling() {
		var cells []string
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			cells = append(cells, l.inline(cell))
		}
		rows = append(rows, cells)
	}
	widths := columns(rows, width-len(gap)*(len(rows[0])-1))
	if last := widths[len(widths)-1]; len(widths) > 2 && last < minColumn && height(rows, widths) > 3*len(rows) {
		return l.records(rows, width)
	}
	var lines []string
	for i, row := range rows {
		if i == 0 {
			for c, cell := range row {
				row[c] = l.bold(cell)
			}
		}
		lines = append(lines, line(row, widths, gap)...)
		if i == 0 {
			rules := make([]string, len(widths))
			for c, width := range widths {
				rules[c] = strings.Repeat("─", width)
			}
			lines = append(lines, strings.Join(rules, gap))
		}
	}
	return lines
}

// columns returns the width of each column, at most width together if their
// longest words allow it.
func columns(rows [][]string, width int) []int {
	widths, words := make([]int, len(rows[0])), make([]int, len(rows[0]))
	total := 0
	for _, row := range rows {
		for c, cell := range row {
			widths[c] = max(widths[c], columnsOf(cell))
			for word := range strings.FieldsSeq(cell) {
				words[c] = max(words[c], columnsOf(word))
			}
		}
	}
	for _, w := range widths {
		total += w
	}
	for ; total > width; total-- {
		widest := -1
		for c := range widths {
			if widths[c] > max(words[c], 1) && (widest < 0 || widths[c] > widths[widest]) {
				widest = c
			}
		}
		if widest < 0 {
			break
		}
		widths[widest]--
	}
	return widths
}

// height returns how many lines the last column of all rows takes.
func height(rows [][]string, widths []int) int {
	lines, last := 0, len(widths)-1
	for _, row := range rows {
		lines += len(wrap(row[last], widths[last]))
	}
	return lines
}

// line lays out one row of a table, which may take several lines.
func line(row []string, widths []int, gap string) []string {
	cells, height := make([][]string, len(row)), 1
	for c, cell := range row {
		cells[c] = wrap(cell, widths[c])
		height = max(height, len(cells[c]))
	}
	lines := make([]string, height)
	for i := range lines {
		var text strings.Builder
		for c, cell := range cells {
			part := ""
			if i < len(cell) {
				part = cell[i]
			}
			text.WriteString(part + strings.Repeat(" ", widths[c]-min(widths[c], columnsOf(part))) + gap)
		}
		lines[i] = strings.TrimRight(text.String(), " ")
	}
	return lines
}

// wrap divides a text into lines at spaces. A longer word gets a line of its own.
func wrap(text string, width int) []string {
	var lines []string
	current, used := "", 0
	for word := range strings.FieldsSeq(text) {
		n := columnsOf(word)
		if used > 0 && used+1+n > width {
			lines = append(lines, current)
			current, used = "", 0
		}
		if used > 0 {
			current += " "
			used++
		}
		current += word
		used += n
	}
	return append(lines, current)
}

// escape matches a code that changes the style.
var escape = regexp.MustCompile("\x1b\\[\\d*m")

// columnsOf returns how many columns a text takes.
func columnsOf(text string) int {
	return utf8.RuneCountInString(escape.ReplaceAllString(text, ""))
}
