package config

import (
	"net/url"
	"strings"
)

// hidden stands where a secret was.
const hidden = "xxxxx"

// Redact returns a URL without its secrets: the password, and parameters that
// are named like one. What can't be read for sure, and may hold a password all
// the same, is hidden behind its scheme. The paths of files and texts that are
// no URLs come back as they are.
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
		// A raw / ? or # in a password ends the host for every parser, and
		// what follows it, up to the @, looks like a path.
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
