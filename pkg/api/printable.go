package api

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
)

// Printable escapes characters that control a terminal or can't be seen, as JSON does:
// control characters, of which JSON allows those from U+007F on, those that change the
// direction of text, and invisible ones. Texts of servers and events need it before a
// person reads them.
func Printable(text string) string { return escape(text, "") }

// PrintableLines is Printable for a text of several lines.
func PrintableLines(text string) string { return escape(text, "\n\t") }

func escape(text, allowed string) string {
	unsafe := func(r rune) bool { return unprintable(r) && !strings.ContainsRune(allowed, r) }
	if strings.IndexFunc(text, unsafe) < 0 {
		return text
	}
	var escaped strings.Builder
	for _, r := range text {
		if !unsafe(r) {
			escaped.WriteRune(r)
			continue
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			_, _ = fmt.Fprintf(&escaped, `\u%04x`, unit)
		}
	}
	return escaped.String()
}

func unprintable(r rune) bool {
	if r < unicode.MaxASCII { // nearly all, without a search in a table
		return r < ' '
	}
	const (
		grapheme, filler, jamo, hangul, half = '\u034f', '\u115f', '\u1160', '\u3164', '\uffa0'
	)
	switch r {
	case grapheme, filler, jamo, hangul, half:
		return true
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
