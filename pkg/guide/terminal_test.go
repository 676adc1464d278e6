package guide_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/eventagg/eventagg/pkg/guide"
)

func TestTopic_Terminal(t *testing.T) {
	t.Parallel()
	topic := guide.Topic{Text: "# Title\n\nA **word** and `code`, see [Queue](queue.md#start), [the file](../../go.mod)\nand [Go](https://go.dev).\n\n" +
		"- one item that is long\n- two\n\n3. three\n\n   more\n\n```sh\necho  1\n```\n\n> a quote\n\n" +
		"| key | what it means |\n|---|---|\n| `a` | some words that are wrapped |\n| b | c |\n"}
	const want = `Title

A word and ~code~,
see Queue, the file
and Go
(https://go.dev).

• one item that is
  long
• two

3. three

   more

    echo  1

│ a quote

key  what it means
───  ───────────────
~a~  some words that
     are wrapped
b    c
`
	if got := topic.Terminal(20, false); got != strings.ReplaceAll(want, "~", "`") {
		t.Errorf("laid out as\n%s", got)
	}
	styled := topic.Terminal(20, true)
	for _, part := range []string{"\x1b[1mTitle\x1b[22m", "\x1b[1mcode\x1b[22m,", "\x1b[1ma\x1b[22m    some"} {
		if !strings.Contains(styled, part) {
			t.Errorf("%q is missing in %q", part, styled)
		}
	}
}

// TestTopic_Terminal_FitsEveryGuide lays out every guide for a narrow terminal.
func TestTopic_Terminal_FitsEveryGuide(t *testing.T) {
	t.Parallel()
	const width = 80
	for _, topic := range guide.Topics() {
		text := topic.Terminal(width, false)
		if topic.Terminal(0, false) != text {
			t.Errorf("%s: a terminal of unknown width is not laid out as one of %d columns", topic.Name, width)
		}
		for _, bad := range []string{"](", "<!--", "|---", "**"} {
			if strings.Contains(text, bad) {
				t.Errorf("%s: the text has %q", topic.Name, bad)
			}
		}
		for line := range strings.Lines(text) {
			line = strings.TrimSuffix(line, "\n")
			code := strings.HasPrefix(line, "    ") // not wrapped
			if n := utf8.RuneCountInString(line); n > width && !code && strings.Contains(strings.TrimLeft(line, "•- "), " ") && !strings.Contains(line, "  ") {
				t.Errorf("%s: a line of %d columns: %s", topic.Name, n, line)
			}
		}
	}
}
