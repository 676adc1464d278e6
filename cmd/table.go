package cmd

import (
	"fmt"
	"io"
	"math"
	"strings"

	"github.com/dustin/go-humanize"
	"github.com/rivo/uniseg"
)

// table is text in aligned columns for people. The zero value has no heading;
// columns are aligned left unless named in right.
type table struct {
	// heading has the columns' names; without one there is no heading line.
	heading []string
	// right has the indexes of the columns aligned right, as numbers are.
	right []int
	rows  [][]string
	// width is how long a line may be; 0 shortens nothing. What is too long is
	// taken from the first column, which has names, as far as that goes: the
	// numbers behind it are what the table is for.
	width int
}

// minNames is how far the column of names may be shortened.
const minNames = 8

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// write writes the table with two spaces between columns and none at the end
// of a line.
func (t *table) write(w io.Writer) error {
	rows := t.rows
	if len(t.heading) > 0 {
		rows = append([][]string{t.heading}, rows...)
	}
	widths := t.widths()
	t.fit(widths)
	var text strings.Builder
	for _, row := range rows {
		line := strings.TrimRight(t.line(row, widths), " ")
		if t.width > 0 {
			line = shorten(line, t.width)
		}
		text.WriteString(line)
		text.WriteByte('\n')
	}
	_, err := io.WriteString(w, text.String())
	return err
}

// widths are those of the columns.
func (t *table) widths() []int {
	var widths []int
	for _, row := range append([][]string{t.heading}, t.rows...) {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], uniseg.StringWidth(cell))
		}
	}
	return widths
}

// total is how wide a line is with columns of these widths.
func total(widths []int) int {
	sum := -len(columnGap)
	for _, width := range widths {
		sum += width + len(columnGap)
	}
	return sum
}

// fit narrows the first column where the table is wider than it may be.
func (t *table) fit(widths []int) {
	if over := total(widths) - t.width; t.width > 0 && over > 0 {
		widths[0] = min(widths[0], max(minNames, widths[0]-over))
	}
}

// columnGap parts columns.
const columnGap = "  "

func (t *table) line(row []string, widths []int) string {
	padded := make([]string, len(row))
	for i, cell := range row {
		cell = shorten(cell, widths[i])
		padding := strings.Repeat(" ", widths[i]-uniseg.StringWidth(cell))
		padded[i] = cell + padding
		for _, column := range t.right {
			if column == i {
				padded[i] = padding + cell
			}
		}
	}
	return strings.Join(padded, columnGap)
}

// formatCount writes a number with thousands separators: 20,000.
func formatCount(n int64) string { return humanize.Comma(n) }

// formatRate writes events a second: "18,204/s", and with one digit after the
// point below 100.
func formatRate(perSecond float64) string {
	switch {
	case math.IsNaN(perSecond) || math.IsInf(perSecond, 0):
		return "-"
	case perSecond < 100:
		return fmt.Sprintf("%.1f/s", perSecond)
	default:
		return humanize.Comma(int64(math.Round(perSecond))) + "/s"
	}
}
