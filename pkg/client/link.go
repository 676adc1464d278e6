package client

import (
	"net/url"
	"slices"
	"strings"
)

// linkedCursor returns the cursor in the link with that relation (RFC 8288), or "".
// Host and path of the link are ignored, because a proxy may change them.
func linkedCursor(headers []string, relation string) string {
	for _, rest := range headers {
		for {
			var target, params string
			var found bool
			if target, params, rest, found = cutLink(rest); !found {
				break
			}
			if !hasRelation(params, relation) {
				continue
			}
			if address, err := url.Parse(target); err == nil {
				return address.Query().Get("cursor")
			}
		}
	}
	return ""
}

// cutLink cuts the first link off a header: `<target>; params, rest`.
func cutLink(header string) (target, params, rest string, found bool) {
	_, header, found = strings.Cut(header, "<")
	if !found {
		return "", "", "", false
	}
	target, header, found = strings.Cut(header, ">")
	if !found {
		return "", "", "", false
	}
	params, rest = cutOutsideQuotes(header, ',')
	return target, params, rest, true
}

// cutOutsideQuotes cuts a text at the first separator outside of quotes.
func cutOutsideQuotes(text string, separator byte) (before, after string) {
	quoted := false
	for i := range len(text) {
		switch {
		case text[i] == '"':
			quoted = !quoted
		case text[i] == separator && !quoted:
			return text[:i], text[i+1:]
		}
	}
	return text, ""
}

// hasRelation reports whether the parameters of a link have the relation.
func hasRelation(params, relation string) bool {
	for params != "" {
		var param string
		param, params = cutOutsideQuotes(params, ';')
		name, value, _ := strings.Cut(strings.TrimSpace(param), "=")
		if strings.EqualFold(strings.TrimSpace(name), "rel") &&
			slices.Contains(strings.Fields(strings.ToLower(strings.Trim(strings.TrimSpace(value), `"`))), relation) {
			return true
		}
	}
	return false
}
