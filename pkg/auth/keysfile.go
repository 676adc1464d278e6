package auth

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/eventagg/eventagg/pkg/size"
)

// Limits of an entry.
const (
	maxIDLength      = 64
	maxPatternLength = 255 // as long as a topic
	maxProblems      = 20  // reported of one file
)

// ParseKeys parses a keys file, a list in YAML:
//
//   - id: shop-prod
//     hash: [sha256:3b1f…, sha256:77c0…] # or one hash; or cert: instead
//     scopes: [publish]
//     topics: ["order_*", refund]
//     expires: 2027-06-30
//     limits: {events: 5000, bytes: 10485760}
//
// Only id, hash (or cert) and scopes are required. A date in expires is the last day on
// which the key is valid, in UTC; a time is possible too. The error has every problem
// with its line, and never a hash or a key.
func ParseKeys(text []byte) ([]Entry, error) {
	if entries, err := parseParts(text, partBytes); err == nil || !errors.Is(err, errWhole) {
		return entries, err
	}
	var problems problems
	entries, err := problems.parse(text)
	if err == nil {
		err = problems.err()
	}
	if err != nil {
		return nil, err
	}
	return entries, nil
}

// problems are the errors of a keys file.
type problems struct {
	all   []error
	lines int // of the file before the part that is parsed
}

// parse parses the text of a list. It adds the problems of the entries, and returns any
// other error.
func (p *problems) parse(text []byte) ([]Entry, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("invalid YAML: %s%s", strings.TrimPrefix(err.Error(), "yaml: "), yamlHint(err))
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("invalid keys: the file has more than one YAML document (remove the lines ---)")
	}
	return p.parseList(document.Content[0])
}

// yamlHint returns what to do about an error of the YAML parser that says little. A * at
// the beginning of a text means an alias in YAML.
func yamlHint(err error) string {
	const alias = "did not find expected alphabetic or numeric character"
	if strings.Contains(err.Error(), alias) {
		return ` (write patterns that begin with * in quotes: "*")`
	}
	return ""
}

func (p *problems) parseList(list *yaml.Node) ([]Entry, error) {
	if list.Kind == yaml.ScalarNode && list.Tag == "!!null" {
		return nil, nil
	}
	if list.Kind != yaml.SequenceNode {
		return nil, fmt.Errorf("line %d: expected a list of keys (each begins with '- id: NAME')", list.Line)
	}
	entries := make([]Entry, len(list.Content))
	for i, node := range list.Content {
		parseEntry(p, &entries[i], node)
	}
	return entries, nil
}

// err returns all problems as one error, nil if there are none.
func (p *problems) err() error {
	if len(p.all) == 0 {
		return nil
	}
	return problemErrors(p.all)
}

func (p *problems) add(node *yaml.Node, format string, args ...any) {
	p.all = append(p.all, fmt.Errorf("line %d: "+format, append([]any{node.Line + p.lines}, args...)...))
}

// problemErrors is the error of a keys file with problems.
type problemErrors []error

// Error implements error: one line for each problem.
func (p problemErrors) Error() string {
	text := errors.Join(p[:min(len(p), maxProblems)]...).Error()
	if more := len(p) - maxProblems; more > 0 {
		text += fmt.Sprintf("\nand %d more", more)
	}
	return text
}

// parseEntry parses one key of the list.
func parseEntry(problems *problems, e *Entry, node *yaml.Node) {
	seen := parseMembers(problems, node, map[string]func(*yaml.Node) error{
		"id":      func(n *yaml.Node) (err error) { e.ID, err = parseID(n); return err },
		"hash":    func(n *yaml.Node) (err error) { e.Hashes, err = parseHashes(n); return err },
		"cert":    func(n *yaml.Node) (err error) { e.Certificate, err = scalar(n); return err },
		"scopes":  func(n *yaml.Node) (err error) { e.Scopes, err = parseScopes(n); return err },
		"topics":  func(n *yaml.Node) (err error) { e.Topics, err = parseTopics(n); return err },
		"expires": func(n *yaml.Node) (err error) { e.Expires, err = parseExpires(n); return err },
		"limits":  func(n *yaml.Node) error { parseLimits(problems, &e.Limits, n); return nil },
	})
	if seen == nil {
		return
	}
	for _, name := range []string{"id", "scopes"} {
		if !seen[name] {
			problems.add(node, "%s is missing", name)
		}
	}
	if seen["hash"] == seen["cert"] {
		problems.add(node, "a key needs either hash or cert")
	}
}

// parseMembers calls a parser for each member of a mapping. It returns the names that
// it has seen, or nil if the node is not a mapping.
func parseMembers(problems *problems, node *yaml.Node, parsers map[string]func(*yaml.Node) error) map[string]bool {
	if node.Kind != yaml.MappingNode {
		problems.add(node, "expected members such as 'id: NAME'")
		return nil
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(node.Content); i += 2 {
		name, value := node.Content[i].Value, node.Content[i+1]
		parse, known := parsers[name]
		switch {
		case !known:
			problems.add(node.Content[i], "unknown member %q", printableName(name))
			continue
		case seen[name]:
			problems.add(node.Content[i], "%s is there twice", name)
			continue
		}
		seen[name] = true
		if err := parse(value); err != nil {
			problems.add(value, "%s: %w", name, err)
		}
	}
	return seen
}

// printableName returns the name of an unknown member, which may be a key in the wrong
// place.
func printableName(name string) string {
	const longest = 20
	if len(name) > longest || strings.HasPrefix(name, keyPrefix) || strings.HasPrefix(name, hashPrefix) {
		return "…"
	}
	return name
}

// scalar returns the text of a node.
func scalar(node *yaml.Node) (string, error) {
	if node.Kind != yaml.ScalarNode || node.Tag == "!!null" || node.Value == "" {
		return "", errors.New("expected a text")
	}
	return node.Value, nil
}

// texts returns the text of a node, or those of a list.
func texts(node *yaml.Node) ([]string, error) {
	nodes := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		nodes = node.Content
	}
	list := make([]string, 0, len(nodes))
	for _, n := range nodes {
		text, err := scalar(n)
		if err != nil {
			return nil, errors.New("expected a text or a list of texts")
		}
		list = append(list, text)
	}
	if len(list) == 0 {
		return nil, errors.New("the list is empty")
	}
	return list, nil
}

func parseID(node *yaml.Node) (string, error) {
	id, err := scalar(node)
	if err == nil && !ValidID(id) {
		err = errors.New("use 1 to 64 letters, digits, dots, dashes and underscores")
	}
	return id, err
}

// ValidID reports whether an ID has 1 to 64 letters, digits, dots, dashes and
// underscores.
func ValidID(id string) bool {
	for i := range len(id) {
		c := id[i]
		if letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'; !letter && (c < '0' || c > '9') && strings.IndexByte("._-", c) < 0 {
			return false
		}
	}
	return id != "" && len(id) <= maxIDLength
}

func parseHashes(node *yaml.Node) ([]Hash, error) {
	list, err := texts(node)
	if err != nil {
		return nil, err
	}
	hashes := make([]Hash, len(list))
	for i, text := range list {
		if hashes[i], err = ParseHash(text); err != nil {
			return nil, err
		}
	}
	return hashes, nil
}

func parseScopes(node *yaml.Node) (scopes Scope, err error) {
	list, err := texts(node)
	if err != nil {
		return 0, err
	}
	for _, name := range list {
		scope, err := ParseScope(name)
		if err != nil {
			return 0, err
		}
		scopes |= scope
	}
	return scopes, nil
}

func parseTopics(node *yaml.Node) ([]string, error) {
	list, err := texts(node)
	if err != nil {
		return nil, err
	}
	for _, pattern := range list {
		if len(pattern) > maxPatternLength {
			return nil, fmt.Errorf("a pattern has %d bytes, more than a topic can have (%d)", len(pattern), maxPatternLength)
		}
	}
	return list, nil
}

func parseExpires(node *yaml.Node) (time.Time, error) {
	text, err := scalar(node)
	if err != nil {
		return time.Time{}, err
	}
	if day, err := time.Parse(time.DateOnly, text); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, errors.New("expected a date such as 2027-06-30, or a time such as 2027-06-30T12:00:00Z")
	}
	return at, nil
}

func parseLimits(problems *problems, limits *Limits, node *yaml.Node) {
	parseMembers(problems, node, map[string]func(*yaml.Node) error{
		"events": func(n *yaml.Node) (err error) { limits.Events, err = parseRate(n, "a whole number"); return err },
		"bytes":  func(n *yaml.Node) (err error) { limits.Bytes, err = parseRate(n, "a size such as 10MiB"); return err },
	})
}

func parseRate(node *yaml.Node, expected string) (int64, error) {
	rate, ok := size.Parse(node.Value)
	if node.Kind != yaml.ScalarNode || !ok || rate < 0 {
		return 0, fmt.Errorf("expected %s a second (0: no limit)", expected)
	}
	return rate, nil
}
