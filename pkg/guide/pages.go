package guide

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"strings"
	"sync"
)

//go:embed page
var pageFiles embed.FS

// ContentSecurityPolicy is the header that goes with a page: a page loads only
// its own style and script, and the search index.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Page is one page or file of the guides.
type Page struct {
	ContentType string
	Content     []byte
}

// view is what the template shows.
type view struct {
	Topic
	// Root is the relative path from the page to /docs/.
	Root string
	// Topics are all guides, for the navigation.
	Topics []Topic
	// Body is the guide as HTML; empty for the table of contents.
	Body template.HTML
	// Headings are the guide's own sections.
	Headings []heading
}

// heading is a link to a section of the guide.
type heading struct {
	Level     int
	ID, Title string
}

// entry is a section of a guide in the search index.
type entry struct {
	Guide   string `json:"guide"`
	Heading string `json:"heading"`
	URL     string `json:"url"`
	Text    string `json:"text"`
}

// Pages returns everything that a server shows below /docs, by path: the table
// of contents at "/", each guide at "/guides/NAME", and what they load. All is
// rendered at the first call.
func Pages() (map[string]Page, error) { return pages() }

var pages = sync.OnceValues(func() (map[string]Page, error) { //nolint:gochecknoglobals // a cache of what never changes
	layout, err := template.ParseFS(pageFiles, "page/page.html")
	if err != nil {
		return nil, fmt.Errorf("parse the page of the guides: %w", err)
	}
	all := map[string]Page{}
	write := func(path string, v view) error {
		var html bytes.Buffer
		v.Topics = Topics()
		if err := layout.Execute(&html, v); err != nil {
			return fmt.Errorf("write the page %s: %w", path, err)
		}
		all[path] = Page{"text/html; charset=utf-8", html.Bytes()}
		return nil
	}
	index := []entry{}
	for _, topic := range Topics() {
		body, err := render(topic)
		if err != nil {
			return nil, err
		}
		v := view{Topic: topic, Body: template.HTML(body.html), Root: strings.Repeat("../", 1+strings.Count(topic.Name, "/"))} //nolint:gosec // the guides are our own
		for _, s := range body.sections {
			if s.level > 1 {
				v.Headings = append(v.Headings, heading{s.level, s.id, s.title})
			}
			index = append(index, entry{Guide: topic.Title, Heading: s.title, URL: "guides/" + topic.Name + "#" + s.id, Text: s.text.String()})
		}
		if err := write("/guides/"+topic.Name, v); err != nil {
			return nil, err
		}
	}
	if err := write("/", view{}); err != nil {
		return nil, err
	}
	search, err := json.Marshal(index)
	if err != nil {
		return nil, fmt.Errorf("write the search index: %w", err)
	}
	all["/guides/index.json"] = Page{"application/json", search}
	for name, contentType := range map[string]string{"style.css": "text/css; charset=utf-8", "search.js": "text/javascript; charset=utf-8"} {
		content, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			return nil, fmt.Errorf("read the page of the guides: %w", err)
		}
		all["/guides/"+name] = Page{contentType, content}
	}
	return all, nil
})
