package terminal

import (
	"io"
	"strings"

	"github.com/rivo/uniseg"
)

// Table is text in aligned columns. The zero value has no heading and aligns all
// columns left.
type Table struct {
	// Heading has the names of the columns. If it is empty there is no heading.
	Heading []string
	// Right has the indexes of the columns that are aligned right, such as numbers.
	Right []int
	// Width is the maximum length of a line; 0 means no limit. A table that is too
	// wide is narrowed in its first column, which has names: the numbers after it
	// are what a reader looks for.
	Width int

	rows [][]string
}

const (
	columnGap = "  "
	// minNameColumns is the minimum width of a first column that is narrowed.
	minNameColumns = 8
)

// Add appends a row.
func (t *Table) Add(cells ...string) { t.rows = append(t.rows, cells) }

// Write writes the table, without white space at the ends of lines.
func (t *Table) Write(w io.Writer) error {
	rows := t.rows
	if len(t.Heading) > 0 {
		rows = append([][]string{t.Heading}, rows...)
	}
	widths := t.widths()
	t.fit(widths)
	var text strings.Builder
	for _, row := range rows {
		line := strings.TrimRight(t.line(row, widths), " ")
		if t.Width > 0 {
			line = shorten(line, t.Width)
		}
		text.WriteString(line)
		text.WriteByte('\n')
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// widths returns the width of each column.
func (t *Table) widths() []int {
	var widths []int
	for _, row := range append([][]string{t.Heading}, t.rows...) {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	return widths
}

// lineWidth returns the width of a line with columns of these widths.
func lineWidth(widths []int) int {
	sum := -len(columnGap)
	for _, width := range widths {
		sum += width + len(columnGap)
	}
	return sum
}

// fit narrows the first column if the table is too wide.
func (t *Table) fit(widths []int) {
	if over := lineWidth(widths) - t.Width; t.Width > 0 && over > 0 {
		widths[0] = min(widths[0], max(minNameColumns, widths[0]-over))
	}
}

func (t *Table) line(row []string, widths []int) string {
	padded := make([]string, len(row))
	for i, cell := range row {
		cell = shorten(cell, widths[i])
		padding := strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell))
		padded[i] = cell + padding
		for _, column := range t.Right {
			if column == i {
				padded[i] = padding + cell
			}
		}
	}
	return strings.Join(padded, columnGap)
}
