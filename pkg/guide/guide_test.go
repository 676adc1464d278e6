package guide_test

import (
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/guide"
)

func TestTopics_HaveEveryFile(t *testing.T) {
	t.Parallel()
	var want, got []string
	err := fs.WalkDir(os.DirFS("."), ".", func(file string, _ fs.DirEntry, err error) error {
		if err == nil && path.Ext(file) == ".md" {
			want = append(want, strings.TrimSuffix(file, ".md"))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, topic := range guide.Topics() {
		got = append(got, topic.Name)
		if topic.Title == "" || len(topic.Summary) < 20 || len(topic.Summary) > 100 {
			t.Errorf("%s: title %q, summary %q: expected a title and a sentence of at most 100 bytes", topic.Name, topic.Title, topic.Summary)
		}
		if strings.Contains(topic.Text, "<!--") {
			t.Errorf("%s: the text has markers", topic.Name)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("topics are %v, files are %v", got, want)
	}
}

func TestFind(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"queue": "queue", "Queue": "queue", "queue.md": "queue",
		"decisions/0001-group-commit": "decisions/0001-group-commit", "0001": "decisions/0001-group-commit", "0001-group-commit": "decisions/0001-group-commit",
		"": "", "nothing": "", "decisions": "",
	} {
		if topic, found := guide.Find(name); topic.Name != want || found != (want != "") {
			t.Errorf("Find(%q) = %q, %t, want %q", name, topic.Name, found, want)
		}
	}
}

// page returns a page below /docs.
func page(t *testing.T, target string) (guide.Page, bool) {
	t.Helper()
	pages, err := guide.Pages()
	if err != nil {
		t.Fatal(err)
	}
	found, ok := pages[strings.TrimPrefix(target, "/docs")]
	return found, ok
}

// TestPages_LinksResolve follows every link from the table of contents.
func TestPages_LinksResolve(t *testing.T) {
	t.Parallel()
	reference := regexp.MustCompile(`(?:href|src)="([^"]*)"`)
	anchor := regexp.MustCompile(` id="([^"]*)"`)
	type link struct{ from, to string }
	queue, seen := []link{{"/docs/", "/docs/"}}, map[string]string{}
	for len(queue) > 0 {
		next := queue[0]
		queue = queue[1:]
		target, err := url.Parse(next.to)
		if err != nil {
			t.Fatal(err)
		}
		body, known := seen[target.Path]
		if !known {
			found, ok := page(t, target.Path)
			if !ok {
				t.Errorf("%s links to %s: no such page", next.from, next.to)
			}
			body = string(found.Content)
			seen[target.Path] = body
			if !strings.HasPrefix(found.ContentType, "text/html") {
				continue
			}
			for _, match := range reference.FindAllStringSubmatch(body, -1) {
				to, err := target.Parse(match[1])
				if err != nil {
					t.Fatal(err)
				}
				if to.Host == "" && to.Scheme == "" && to.Path != "/docs" && to.Path != "/" {
					queue = append(queue, link{target.Path, to.String()})
				}
			}
		}
		if target.Fragment == "" {
			continue
		}
		found := false
		for _, id := range anchor.FindAllStringSubmatch(body, -1) {
			found = found || id[1] == target.Fragment
		}
		if !found {
			t.Errorf("%s links to %s: no such heading", next.from, next.to)
		}
	}
	if want := len(guide.Topics()) + 3; len(seen) != want {
		t.Errorf("the links lead to %d pages and files, want %d", len(seen), want)
	}
}

func TestPages_LoadNothingFromElsewhere(t *testing.T) {
	t.Parallel()
	for _, topic := range guide.Topics() {
		found, _ := page(t, "/docs/guides/"+topic.Name)
		for _, bad := range []string{"<!-- raw HTML omitted -->", " style=", "onclick", "<script>", `src="http`, `src="//`} {
			if strings.Contains(string(found.Content), bad) {
				t.Errorf("%s: the page has %q", topic.Name, bad)
			}
		}
	}
}

// TestGuides_FitTheScreen keeps prose within 120 characters a line.
func TestGuides_FitTheScreen(t *testing.T) {
	t.Parallel()
	for _, topic := range guide.Topics() {
		code := false
		for line := range strings.Lines(topic.Text) {
			line = strings.TrimSuffix(line, "\n")
			if strings.HasPrefix(line, "```") {
				code = !code
			}
			if len([]rune(line)) > 120 && !code && !strings.HasPrefix(line, "|") && !generatedLine(t, topic.Name, line) {
				t.Errorf("%s: a line of %d characters: %s", topic.Name, len([]rune(line)), line)
			}
		}
	}
}

// generatedLine reports whether a line stands between the markers of a generated
// part.
func generatedLine(t *testing.T, name, line string) bool {
	t.Helper()
	text, err := os.ReadFile(filepath.FromSlash(name) + ".md")
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range regexp.MustCompile(`(?s)<!-- generated:.*?<!-- end -->`).FindAllString(string(text), -1) {
		if strings.Contains(part, line) {
			return true
		}
	}
	return false
}

// On a narrow screen a table has no row of headings: each cell has its label.
func TestPages_LabelCells(t *testing.T) {
	t.Parallel()
	found, ok := page(t, "/docs/guides/cli")
	if want := `<td data-label="meaning">`; !ok || !strings.Contains(string(found.Content), want) {
		t.Errorf("no cell has %s", want)
	}
}
