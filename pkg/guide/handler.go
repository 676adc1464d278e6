package guide

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"strings"
	"sync"
	"time"
)

//go:embed page
var pageFiles embed.FS

// contentPolicy allows only what this handler sends.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Content types of the files.
const (
	typeHTML = "text/html; charset=utf-8"
	typeJSON = "application/json"
)

// file is one response of the handler.
type file struct {
	contentType, tag string
	content          []byte
}

// page is what the template shows.
type page struct {
	Topic
	// Root is the relative path from the page to /docs/.
	Root string
	// Topics are all guides, for the navigation.
	Topics []Topic
	// Body is the guide as HTML; empty for the table of contents.
	Body template.HTML
	// Headings are the guide's own sections.
	Headings []*section
}

// entry is a section of a guide in the search index.
type entry struct {
	Guide   string `json:"guide"`
	Heading string `json:"heading"`
	URL     string `json:"url"`
	Text    string `json:"text"`
}

// Level and the next two are read by the template.
func (s *section) Level() int    { return s.level }
func (s *section) ID() string    { return s.id }
func (s *section) Title() string { return s.title }

// Handler serves the table of contents at "/" and each guide at
// "/guides/NAME". Everything is rendered once, when it is first requested. The
// caller strips the path below which the guides are mounted; "docs" in that path
// is the page of the HTTP reference.
func Handler() http.Handler {
	pages := sync.OnceValues(pages)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, err := pages()
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		f, found := all[r.URL.Path]
		if !found {
			w.Header().Set("X-Content-Type-Options", "nosniff")
			http.Error(w, "There is no such guide; see /docs/ for the list.", http.StatusNotFound)
			return
		}
		header := w.Header()
		header.Set("Content-Type", f.contentType)
		header.Set("ETag", f.tag)
		header.Set("Cache-Control", "no-cache") // ask each time: a new version shows at once
		header.Set("Content-Security-Policy", contentPolicy)
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("X-Content-Type-Options", "nosniff")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(f.content))
	})
}

// pages renders everything that the handler serves, by path.
func pages() (map[string]file, error) {
	layout, err := template.ParseFS(pageFiles, "page/page.html")
	if err != nil {
		return nil, fmt.Errorf("parse the page of the guides: %w", err)
	}
	all := map[string]file{}
	write := func(path string, p page) error {
		var html bytes.Buffer
		p.Topics = Topics()
		if err := layout.Execute(&html, p); err != nil {
			return fmt.Errorf("write the page %s: %w", path, err)
		}
		all[path] = newFile(typeHTML, html.Bytes())
		return nil
	}
	index := []entry{}
	for _, topic := range Topics() {
		body, err := render(topic)
		if err != nil {
			return nil, err
		}
		p := page{Topic: topic, Body: template.HTML(body.html), Root: strings.Repeat("../", 1+strings.Count(topic.Name, "/"))} //nolint:gosec // the guides are our own
		for _, s := range body.sections {
			if s.level > 1 {
				p.Headings = append(p.Headings, s)
			}
			index = append(index, entry{Guide: topic.Title, Heading: s.title, URL: "guides/" + topic.Name + "#" + s.id, Text: s.text.String()})
		}
		if err := write("/guides/"+topic.Name, p); err != nil {
			return nil, err
		}
	}
	if err := write("/", page{}); err != nil {
		return nil, err
	}
	search, err := json.Marshal(index)
	if err != nil {
		return nil, fmt.Errorf("write the search index: %w", err)
	}
	all["/guides/index.json"] = newFile(typeJSON, search)
	for name, contentType := range map[string]string{"style.css": "text/css; charset=utf-8", "search.js": "text/javascript; charset=utf-8"} {
		content, err := pageFiles.ReadFile("page/" + name)
		if err != nil {
			return nil, fmt.Errorf("read the page of the guides: %w", err)
		}
		all["/guides/"+name] = newFile(contentType, content)
	}
	return all, nil
}

func newFile(contentType string, content []byte) file {
	sum := sha256.Sum256(content)
	return file{contentType: contentType, content: content, tag: `"` + hex.EncodeToString(sum[:8]) + `"`}
}
