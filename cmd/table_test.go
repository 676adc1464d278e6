package cmd

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestTableAlignsItsColumns(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		give table
		want string
	}{
		"nothing":           {table{}, ""},
		"names and numbers": {table{right: []int{1}, rows: [][]string{{"received", "20,000"}, {"rate", "9"}}}, "received  20,000\nrate           9\n"},
		"a heading": {
			table{heading: []string{"TOPIC", "N"}, right: []int{1}, rows: [][]string{{"a", "10"}}},
			"TOPIC   N\na      10\n",
		},
		"characters of several bytes":        {table{rows: [][]string{{"µ", "x"}, {"ab", "y"}}}, "µ   x\nab  y\n"},
		"characters of two columns":          {table{rows: [][]string{{"事", "x"}, {"ab", "y"}}}, "事  x\nab  y\n"},
		"no white space at the end":          {table{rows: [][]string{{"a", "long"}, {"b", ""}}}, "a  long\nb\n"},
		"names too long for the terminal":    {table{width: 20, right: []int{1}, rows: [][]string{{"a_very_long_topic", "1,000"}, {"b", "2"}}}, "a_very_long_…  1,000\nb                  2\n"},
		"names of characters of two columns": {table{width: 17, rows: [][]string{{"事事事事事事", "1,000"}, {"b", "2"}}}, "事事事事…   1,000\nb           2\n"},
		"names that fit are not touched":     {table{width: 20, rows: [][]string{{"a_topic", "1,000"}}}, "a_topic  1,000\n"},
		"a terminal with no room for it":     {table{width: 12, rows: [][]string{{"a_long_topic", "1,000"}}}, "a_long_…  1…\n"},
		"rows of different length are fine":  {table{rows: [][]string{{"a"}, {"bb", "c"}}}, "a\nbb  c\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := test.give.write(&got); err != nil || got.String() != test.want {
				t.Errorf("got %v\n%s\nexpected\n%s", err, &got, test.want)
			}
		})
	}
}

// Every column begins, or ends, at the same place in all lines.
func TestTableLinesAreEquallyLong(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		cell := rapid.StringMatching(`[a-zµ0-9]{1,12}`)
		made := table{right: []int{2}}
		for range rapid.IntRange(1, 8).Draw(rt, "rows") {
			made.add(cell.Draw(rt, "a"), cell.Draw(rt, "b"), cell.Draw(rt, "c"))
		}
		var got bytes.Buffer
		if err := made.write(&got); err != nil {
			rt.Fatal(err)
		}
		lines := strings.Split(strings.TrimSuffix(got.String(), "\n"), "\n")
		for _, line := range lines {
			if utf8.RuneCountInString(line) != utf8.RuneCountInString(lines[0]) {
				rt.Errorf("lines of different length:\n%s", &got)
			}
		}
	})
}

func TestNumbersForPeople(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ got, want string }{
		"a count":           {formatCount(1234567), "1,234,567"},
		"a negative count":  {formatCount(-1000), "-1,000"},
		"a high rate":       {formatRate(18204.4), "18,204/s"},
		"a low rate":        {formatRate(0.25), "0.2/s"},
		"a rate of no time": {formatRate(1 / zero()), "-"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if test.got != test.want {
				t.Errorf("got %q, expected %q", test.got, test.want)
			}
		})
	}
}

func zero() float64 { return float64(len("")) }
