package guide

import (
	"embed"
	"regexp"
	"strings"
	"sync"
)

//go:embed *.md decisions/*.md
var files embed.FS

// Topic is one guide.
type Topic struct {
	// Name is the file's path without its ending, for example "queue" or
	// "decisions/0001-group-commit".
	Name string
	// Title is the text of the guide's first heading.
	Title string
	// Summary is the first sentence of the guide, without a full stop.
	Summary string
	// Text is the whole guide in Markdown, without the markers of generated
	// parts.
	Text string
}

// Decision reports whether the guide records one design decision.
func (t Topic) Decision() bool { return strings.HasPrefix(t.Name, "decisions/") }

// names returns the guides in reading order.
func names() []string {
	return []string{
		"guarantees",
		"http",
		"following",
		"integrations",
		"cli",
		"configuration",
		"operations",
		"security",
		"queue",
		"metrics",
		"troubleshooting",
		"scaling",
		"benchmarks",
		"architecture",
		"glossary",
		"ringkasan",
		"decisions/0001-group-commit",
		"decisions/0002-primary-key-decides",
		"decisions/0003-first-event-wins",
		"decisions/0004-order-by-ticks",
		"decisions/0005-cursor-fingerprint",
		"decisions/0006-no-maxlen",
		"decisions/0007-delivery-remembered",
		"decisions/0008-own-transport",
		"decisions/0009-followers-share-a-reader",
		"decisions/0010-errors-by-class",
		"decisions/0011-only-a-durable-redis",
		"decisions/0012-queue-only-what-is-not-stored",
		"decisions/0013-identities-apart-from-data",
		"decisions/0014-digest-of-the-text",
		"decisions/0015-late-lock",
	}
}

// Topics returns all guides in reading order, decisions last.
func Topics() []Topic { return topics() }

// Find returns the guide with a name. A decision can also be found by its
// number ("0001").
func Find(name string) (Topic, bool) {
	name = strings.TrimSuffix(strings.ToLower(name), ".md")
	for _, topic := range topics() {
		number, _, _ := strings.Cut(strings.TrimPrefix(topic.Name, "decisions/"), "-")
		if topic.Name == name || (topic.Decision() && (number == name || "decisions/"+name == topic.Name)) {
			return topic, true
		}
	}
	return Topic{}, false
}

// topics reads the embedded files once.
var topics = sync.OnceValue(func() []Topic { //nolint:gochecknoglobals // a cache of what never changes
	all := make([]Topic, 0, len(names()))
	for _, name := range names() {
		text, err := files.ReadFile(name + ".md")
		if err != nil {
			continue // a test compares the list with the files
		}
		all = append(all, newTopic(name, string(text)))
	}
	return all
})

// comment matches a line that is an HTML comment, with its line end.
var comment = regexp.MustCompile(`(?m)^<!--.*-->\n`)

func newTopic(name, text string) Topic {
	if strings.Contains(text, "<!--") {
		text = comment.ReplaceAllString(text, "")
	}
	title, rest, _ := strings.Cut(text, "\n")
	summary, _, _ := strings.Cut(strings.TrimLeft(rest, "\n"), "\n\n")
	summary, _, _ = strings.Cut(strings.Join(strings.Fields(summary), " "), ". ")
	return Topic{
		Name:    name,
		Title:   strings.TrimPrefix(title, "# "),
		Summary: strings.TrimSuffix(strings.ReplaceAll(summary, "`", ""), "."),
		Text:    text,
	}
}
