package config

import (
	"net/url"
	"strings"
)

// hidden replaces a secret.
const hidden = "xxxxx"

// Redact returns a URL without its secrets: the password, and parameters whose names
// contain "password". If the text can't be parsed and may contain a password, all
// but its scheme is hidden. File paths and texts that are not URLs don't change.
func Redact(text string) string {
	scheme, rest, found := strings.Cut(text, ":")
	switch {
	case scheme == "sqlite":
		return text
	case !found && strings.Contains(text, "@"):
		return hidden
	case !found:
		return text
	}
	parsed, err := url.Parse(text)
	if err != nil || !strings.HasPrefix(rest, "//") {
		return scheme + ":" + hidden
	}
	query, err := url.ParseQuery(parsed.RawQuery)
	if _, after, _ := strings.Cut(strings.TrimLeft(rest, "/"), "/"); err != nil ||
		strings.Contains(after+parsed.RawQuery+parsed.Fragment, "@") {
		// An unescaped / ? or # in a password ends the host for every parser. The
		// rest of the password, up to the @, then looks like a path.
		return scheme + ":" + hidden
	}
	if _, ok := parsed.User.Password(); ok {
		parsed.User = url.UserPassword(parsed.User.Username(), hidden)
	}
	for name := range query {
		if strings.Contains(strings.ToLower(name), "password") {
			query.Set(name, hidden)
			parsed.RawQuery = query.Encode()
		}
	}
	return parsed.String()
}
