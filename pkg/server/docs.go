package server

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io"
	"net/http"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/labstack/echo/v4"
	swagger "github.com/swaggest/swgui/v5/static"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/guide"
	"github.com/eventagg/eventagg/pkg/server/openapi"
	"github.com/eventagg/eventagg/pkg/server/respond"
)

//go:embed docs
var docsFiles embed.FS

// docsPolicy restricts the reference page to what this server sends. Swagger UI has
// small pictures and some styles inline.
const docsPolicy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// staticFiles keeps the files of the pages and their hashes. They never change, and
// clients could use up the CPU if each request decompressed and hashed a script of 1.4 MB.
type staticFiles struct {
	mu    sync.Mutex
	files map[string]staticFile
}

// staticFile is a file that is part of the program.
type staticFile struct {
	content []byte
	tag     string // value of ETag
}

// get returns a file, and loads it at the first call.
func (f *staticFiles) get(name string, load func() ([]byte, error)) (staticFile, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if file, found := f.files[name]; found {
		return file, nil
	}
	content, err := load()
	if err != nil {
		return staticFile{}, err
	}
	sum := sha256.Sum256(content)
	file := staticFile{content: content, tag: `"` + hex.EncodeToString(sum[:8]) + `"`}
	if f.files == nil {
		f.files = map[string]staticFile{}
	}
	f.files[name] = file
	return file, nil
}

// openapi handles GET /openapi.json: the description of this interface.
func (s *Server) openapi(c echo.Context) error {
	return s.writeFile(c, api.TypeJSON, "openapi.json", openapi.JSON)
}

// docs handles GET /docs: the page that shows that description.
func (s *Server) docs(c echo.Context) error {
	header := c.Response().Header()
	header.Set("Content-Security-Policy", docsPolicy)
	header.Set("Referrer-Policy", "no-referrer")
	return s.writeFile(c, "text/html; charset=utf-8", "docs.html", func() ([]byte, error) { return docsFiles.ReadFile("docs/docs.html") })
}

// guide sends a page of the guides, or what such a page loads.
func (s *Server) guide(c echo.Context) error {
	pages, err := guide.Pages()
	if err != nil {
		return err
	}
	path := strings.TrimPrefix(c.Request().URL.Path, api.PathDocs)
	page, found := pages[path]
	if !found {
		return echo.ErrNotFound
	}
	header := c.Response().Header()
	header.Set("Content-Security-Policy", guide.ContentSecurityPolicy)
	header.Set("Referrer-Policy", "no-referrer")
	return s.writeFile(c, page.ContentType, "guide "+path, func() ([]byte, error) { return page.Content, nil })
}

// docsFile handles the parts of that page.
func (s *Server) docsFile(c echo.Context) error {
	const typeScript = "text/javascript; charset=utf-8"
	switch name := c.Param("file"); name {
	case "docs.js":
		return s.writeFile(c, typeScript, name, func() ([]byte, error) { return docsFiles.ReadFile("docs/docs.js") })
	case "docs.css":
		return s.writeFile(c, "text/css; charset=utf-8", name, func() ([]byte, error) { return docsFiles.ReadFile("docs/docs.css") })
	case "swagger-ui-bundle.js":
		return s.writeCompressed(c, typeScript, name)
	case "swagger-ui.css":
		return s.writeCompressed(c, "text/css; charset=utf-8", name)
	default:
		return echo.ErrNotFound
	}
}

// writeCompressed sends a file of Swagger UI, which is embedded compressed.
func (s *Server) writeCompressed(c echo.Context, contentType, name string) error {
	compressed := func() ([]byte, error) { return swagger.FS.ReadFile(name + ".gz") }
	header := c.Response().Header()
	header.Add(headerVary, "Accept-Encoding")
	if takesGzip(c.Request().Header) {
		header.Set("Content-Encoding", "gzip")
		return s.writeFile(c, contentType, name+".gz", compressed)
	}
	return s.writeFile(c, contentType, name, func() ([]byte, error) {
		body, err := compressed()
		if err != nil {
			return nil, err
		}
		plain, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(plain)
	})
}

// takesGzip reports whether the client accepts gzip.
func takesGzip(header http.Header) bool {
	for _, value := range header["Accept-Encoding"] {
		for coding := range strings.SplitSeq(value, ",") {
			name, weight, _ := strings.Cut(coding, ";")
			if strings.EqualFold(strings.TrimSpace(name), "gzip") {
				return strings.Trim(weight, " \tqQ=0.") != "" || strings.TrimSpace(weight) == ""
			}
		}
	}
	return false
}

// writeFile sends content that is part of the program. A browser revalidates it each
// time, so a new version shows at once.
func (s *Server) writeFile(c echo.Context, contentType, name string, load func() ([]byte, error)) error {
	file, err := s.files.get(name, load)
	if err != nil {
		return err
	}
	header := c.Response().Header()
	header.Set("ETag", file.tag)
	header.Set("Cache-Control", "no-cache")
	if strings.Contains(c.Request().Header.Get("If-None-Match"), file.tag) {
		header.Del("Content-Encoding")
		c.Response().WriteHeader(http.StatusNotModified)
		return nil
	}
	return respond.Bytes(c, http.StatusOK, []string{contentType}, file.content)
}
