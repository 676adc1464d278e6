package config

import (
	"errors"
	"net/netip"
	"strings"
)

// List is a list of texts, separated by commas. It is one text, so that
// configurations can be compared.
type List string

// Items returns the texts.
func (l List) Items() []string {
	if l == "" {
		return nil
	}
	return strings.Split(string(l), ",")
}

// Prefixes returns the texts as networks; an address is a network of its own. The error
// is the first text that is neither.
func (l List) Prefixes() ([]netip.Prefix, error) {
	var prefixes []netip.Prefix
	for _, item := range l.Items() {
		prefix, err := netip.ParsePrefix(item)
		if err != nil {
			address, err := netip.ParseAddr(item)
			if err != nil || address.Zone() != "" {
				return nil, errors.New(item)
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		prefixes = append(prefixes, prefix.Masked())
	}
	return prefixes, nil
}

// Lines is a list of texts without line ends, one a line. It is one text, so that
// configurations can be compared.
type Lines string

// Items returns the texts.
func (l Lines) Items() []string {
	if l == "" {
		return nil
	}
	return strings.Split(string(l), "\n")
}

// parseLines parses lines: a text from flags and variables, or also a list from YAML.
func parseLines(raw any) (Lines, bool) {
	switch raw := raw.(type) {
	case string:
		return Lines(strings.TrimRight(raw, "\n")), true
	case []any:
		items := make([]string, len(raw))
		for i, item := range raw {
			text, ok := item.(string)
			if !ok || strings.Contains(text, "\n") {
				return "", false
			}
			items[i] = text
		}
		return Lines(strings.Join(items, "\n")), true
	default:
		return "", false
	}
}

// parseList parses a list: a text with commas from flags and variables, or also a list
// from YAML.
func parseList(raw any) (List, bool) {
	var items []string
	switch raw := raw.(type) {
	case string:
		items = strings.Split(raw, ",")
	case []any:
		for _, item := range raw {
			text, ok := item.(string)
			if !ok || strings.Contains(text, ",") {
				return "", false
			}
			items = append(items, text)
		}
	default:
		return "", false
	}
	for i := range items {
		items[i] = strings.TrimSpace(items[i])
	}
	return List(strings.Join(items, ",")), true
}
