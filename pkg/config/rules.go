package config

import (
	"fmt"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/eventagg/eventagg/pkg/duplicates/policy"
	"github.com/eventagg/eventagg/pkg/size"
)

// A rule returns what is wrong with a value, or nothing. The text follows the key
// and a colon.

// upTo is the rule of counts from 1 to high.
func upTo(high int64) func(any) string {
	return func(value any) string {
		if number, _ := value.(int64); number < 1 || number > high {
			return fmt.Sprintf("must be between 1 and %d, not %d", high, number)
		}
		return ""
	}
}

// sizeUpTo is the rule of sizes in bytes from 1 to high.
func sizeUpTo(high int64) func(any) string {
	return func(value any) string {
		if bytes, _ := value.(int64); bytes < 1 || bytes > high {
			return fmt.Sprintf("must be between 1 and %s, not %s", size.Format(high), size.Format(bytes))
		}
		return ""
	}
}

// sizeFromZeroTo is the rule of sizes in bytes from 0 to high.
func sizeFromZeroTo(high int64) func(any) string {
	return func(value any) string {
		if bytes, _ := value.(int64); bytes < 0 || bytes > high {
			return fmt.Sprintf("must be between 0 and %s, not %s", size.Format(high), size.Format(bytes))
		}
		return ""
	}
}

// prefixes accepts IP addresses and networks.
func prefixes(value any) string {
	list, _ := value.(List)
	if _, err := list.Prefixes(); err != nil {
		return "must have IP addresses or networks such as 10.0.0.0/8, not " + strconv.Quote(err.Error())
	}
	return ""
}

// policies accepts policies of topics, such as orders.*=reject.
func policies(value any) string {
	list, _ := value.(List)
	if _, err := policy.Parse(list.Items()); err != nil {
		return "has an " + err.Error()
	}
	return ""
}

// fromZeroTo is the rule of numbers of which 0 means none.
func fromZeroTo(high int64) func(any) string {
	return func(value any) string {
		if number, _ := value.(int64); number < 0 || number > high {
			return fmt.Sprintf("must be between 0 and %d, not %d", high, number)
		}
		return ""
	}
}

// waitUpTo is the rule of timeouts. Less than a millisecond is a mistake, and so is
// zero: every wait must have an end.
func waitUpTo(high time.Duration) func(any) string {
	const low = time.Millisecond
	return func(value any) string {
		if duration, _ := value.(time.Duration); duration < low || duration > high {
			return fmt.Sprintf("must be between %s and %s, not %s", low, high, duration)
		}
		return ""
	}
}

// ageFromSecond is the rule of ages. 0 means that there is no maximum.
func ageFromSecond(value any) string {
	if duration, _ := value.(time.Duration); duration != 0 && duration < time.Second {
		return fmt.Sprintf("must be 0 or at least 1s, not %s", duration)
	}
	return ""
}

// delayUpTo is the rule of delays, which may be zero.
func delayUpTo(high time.Duration) func(any) string {
	return func(value any) string {
		if duration, _ := value.(time.Duration); duration < 0 || duration > high {
			return fmt.Sprintf("must be between 0s and %s, not %s", high, duration)
		}
		return ""
	}
}

// schemaName accepts names that SQL needs no quotes for.
func schemaName(value any) string {
	text, _ := value.(string)
	for i, r := range text {
		letter := r == '_' || 'a' <= r && r <= 'z'
		if !letter && (i == 0 || r < '0' || r > '9') || len(text) > 63 {
			return fmt.Sprintf("must be a name of lower-case letters, digits and underscores, not %q", text)
		}
	}
	return ""
}

// hostNames accepts names of hosts without a port. A browser sends international
// names in their ASCII form (xn--…).
func hostNames(value any) string {
	list, _ := value.(List)
	for _, host := range list.Items() {
		name := strings.TrimPrefix(host, "*.")
		if name == "" || strings.Trim(strings.ToLower(name), "abcdefghijklmnopqrstuvwxyz0123456789.-_") != "" {
			return fmt.Sprintf("must have host names without a port, such as events.example.com, not %q", host)
		}
	}
	return ""
}

// origins accepts the form in which browsers send an origin. "*" is refused: it would
// allow every page.
func origins(value any) string {
	list, _ := value.(List)
	for _, origin := range list.Items() {
		parsed, err := url.Parse(origin)
		switch {
		case err != nil, parsed.Scheme == "", parsed.Host == "", parsed.User != nil, strings.Contains(origin, "*"),
			origin != parsed.Scheme+"://"+parsed.Host, !isASCII(origin), origin != strings.ToLower(origin), !portFits(parsed):
			return fmt.Sprintf("must have origins as browsers send them, such as https://app.example.com, not %q", origin)
		case parsed.Scheme == "https" && parsed.Port() == "443", parsed.Scheme == "http" && parsed.Port() == "80":
			return fmt.Sprintf("must leave out the usual port, as browsers do: %q", origin)
		}
	}
	return ""
}

// filePath accepts paths of files. Whether there is a file is found out by the command
// that reads it: a command must not fail for files of another one.
func filePath(value any) string {
	text, _ := value.(string)
	if strings.ContainsFunc(text, unicode.IsControl) || !utf8.ValidString(text) {
		return fmt.Sprintf("must be the path of a file, not %q", text)
	}
	return ""
}

func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf })
}

func oneOf(allowed ...string) func(any) string {
	return func(value any) string {
		if text, _ := value.(string); !slices.Contains(allowed, text) {
			return fmt.Sprintf("must be %s, not %q", alternatives(allowed), text)
		}
		return ""
	}
}

// alternatives joins texts: "a, b or c".
func alternatives(texts []string) string {
	last := len(texts) - 1
	return strings.Join(texts[:last], ", ") + " or " + texts[last]
}

func hostPort(value any) string {
	text, _ := value.(string)
	_, port, err := net.SplitHostPort(text)
	if number, errPort := strconv.ParseUint(port, 10, 16); err != nil || errPort != nil || number > 65535 {
		return fmt.Sprintf("must be host:port such as 127.0.0.1:8000, not %q", text)
	}
	return ""
}

// databaseURL never shows the value. It may contain a password, and an invalid URL
// doesn't show which part that is.
func databaseURL(value any) string {
	text, _ := value.(string)
	scheme, rest, _ := strings.Cut(text, ":")
	switch {
	case text == "":
		return ""
	case scheme == "sqlite":
		if strings.Trim(rest, "/") == "" {
			return "must name a file: sqlite:PATH"
		}
		if strings.HasPrefix(rest, ":") {
			return "must name a file: sqlite:PATH; a database in memory would lose acknowledged events"
		}
		return ""
	case scheme == "postgres", scheme == "postgresql":
		if parsed, err := url.Parse(text); err != nil || !strings.HasPrefix(rest, "//") || parsed.Opaque != "" {
			return "invalid URL: expected postgres://USER:PASSWORD@HOST:PORT/NAME " +
				"with special characters in the password escaped (%40 for @)"
		} else if !portFits(parsed) {
			return "must have a port from 0 to 65535"
		}
		return ""
	default:
		return "must be empty, sqlite:PATH or postgres://USER:PASSWORD@HOST:PORT/NAME"
	}
}

// portFits reports whether the port of a URL is valid or missing.
func portFits(u *url.URL) bool {
	if u.Port() == "" {
		return true
	}
	_, err := strconv.ParseUint(u.Port(), 10, 16)
	return err == nil
}

// brokerURL never shows the value, which may contain a password.
func brokerURL(value any) string {
	const expected = "must be empty, redis://HOST:PORT, rediss://HOST:PORT or unix://PATH"
	text, _ := value.(string)
	parsed, err := url.Parse(text)
	switch {
	case text == "":
		return ""
	case err != nil:
		return expected
	case parsed.Scheme == "unix" && parsed.Path != "":
		return ""
	case (parsed.Scheme != "redis" && parsed.Scheme != "rediss") || parsed.Hostname() == "" || !portFits(parsed):
		return expected
	default:
		return ""
	}
}

// keyPrefix rejects braces: Redis Cluster chooses the node of a key by the text
// between them.
func keyPrefix(value any) string {
	const maxLength = 64
	text, _ := value.(string)
	if text == "" || len(text) > maxLength || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' || r == '{' || r == '}' }) {
		return fmt.Sprintf("must be 1 to %d printable ASCII characters without spaces and braces, not %q", maxLength, text)
	}
	return ""
}

func anything(any) string { return "" }

func clientURL(value any) string {
	const expected = "must be http://HOST:PORT or https://HOST:PORT"
	text, _ := value.(string)
	parsed, err := url.Parse(text)
	switch {
	case isHostPort(text):
		return "must begin with http:// or https://: use http://" + text
	case err != nil:
		return expected
	case (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Host == "":
		return fmt.Sprintf("%s, not %q", expected, Redact(text))
	case parsed.Hostname() == "" || !portFits(parsed):
		return fmt.Sprintf("%s, not %q", expected, Redact(text))
	case parsed.RawQuery != "" || parsed.Fragment != "":
		return fmt.Sprintf("%s without a query or fragment, not %q", expected, Redact(text))
	case parsed.User != nil:
		return "must not have a user or a password: the server takes an API key (client.api_key_file)"
	default:
		return ""
	}
}

// isHostPort reports whether a text is HOST:PORT, which people often type instead of
// a URL. It can't contain a password.
func isHostPort(text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || strings.ContainsAny(host, "/@?# ") {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}
