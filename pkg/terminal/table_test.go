package terminal

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestTable_AlignsColumns(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		give Table
		want string
	}{
		"nothing":           {Table{}, ""},
		"names and numbers": {Table{Right: []int{1}, rows: [][]string{{"received", "20,000"}, {"rate", "9"}}}, "received  20,000\nrate           9\n"},
		"heading": {
			Table{Heading: []string{"TOPIC", "N"}, Right: []int{1}, rows: [][]string{{"a", "10"}}},
			"TOPIC   N\na      10\n",
		},
		"characters of several bytes":        {Table{rows: [][]string{{"µ", "x"}, {"ab", "y"}}}, "µ   x\nab  y\n"},
		"characters of two columns":          {Table{rows: [][]string{{"事", "x"}, {"ab", "y"}}}, "事  x\nab  y\n"},
		"no trailing white space":            {Table{rows: [][]string{{"a", "long"}, {"b", ""}}}, "a  long\nb\n"},
		"names too long for the terminal":    {Table{Width: 20, Right: []int{1}, rows: [][]string{{"a_very_long_topic", "1,000"}, {"b", "2"}}}, "a_very_long_…  1,000\nb                  2\n"},
		"names of characters of two columns": {Table{Width: 17, rows: [][]string{{"事事事事事事", "1,000"}, {"b", "2"}}}, "事事事事…   1,000\nb           2\n"},
		"names that fit are unchanged":       {Table{Width: 20, rows: [][]string{{"a_topic", "1,000"}}}, "a_topic  1,000\n"},
		"terminal that is too narrow":        {Table{Width: 12, rows: [][]string{{"a_long_topic", "1,000"}}}, "a_long_…  1…\n"},
		"rows of different length":           {Table{rows: [][]string{{"a"}, {"bb", "c"}}}, "a\nbb  c\n"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got bytes.Buffer
			if err := test.give.Write(&got); err != nil || got.String() != test.want {
				t.Errorf("got %v\n%s\nexpected\n%s", err, &got, test.want)
			}
		})
	}
}

func TestTable_WritesLinesOfEqualLength(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		cell := rapid.StringMatching(`[a-zµ0-9]{1,12}`)
		made := Table{Right: []int{2}}
		for range rapid.IntRange(1, 8).Draw(rt, "rows") {
			made.Add(cell.Draw(rt, "a"), cell.Draw(rt, "b"), cell.Draw(rt, "c"))
		}
		var got bytes.Buffer
		if err := made.Write(&got); err != nil {
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

func TestCountAndRate_FormatNumbers(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ got, want string }{
		"count":                     {Count(1234567), "1,234,567"},
		"negative count":            {Count(-1000), "-1,000"},
		"high rate":                 {Rate(18204.4), "18,204/s"},
		"low rate":                  {Rate(0.25), "0.2/s"},
		"rate without elapsed time": {Rate(1 / zero()), "-"},
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
