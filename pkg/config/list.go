package config

import "strings"

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
