package dashboard

import (
	"crypto/sha256"
	_ "embed" // for the files of the page
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"time"
)

//go:embed page/page.html
var markup string

//go:embed page/style.css
var style string

// The scripts, in the order in which they use each other.
var (
	//go:embed page/texts.js
	textsScript string
	//go:embed page/page.js
	pageScript string
	//go:embed page/json.js
	jsonScript string
	//go:embed page/connection.js
	connectionScript string
	//go:embed page/stats.js
	statsScript string
	//go:embed page/chart.js
	chartScript string
	//go:embed page/topics.js
	topicsScript string
	//go:embed page/events.js
	eventsScript string
	//go:embed page/stream.js
	streamScript string
	//go:embed page/session.js
	sessionScript string
	//go:embed page/main.js
	mainScript string
)

// Placeholders in page.html for style and scripts.
const (
	stylePlaceholder  = "<style></style>"
	scriptPlaceholder = `<script type="module"></script>`
)

// Handler serves the page for GET and HEAD. Browsers cache the page and validate
// it by its ETag at each visit.
func Handler() http.Handler {
	page, policy := assemble()
	sum := sha256.Sum256([]byte(page))
	tag := `"` + hex.EncodeToString(sum[:16]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		header.Set("Content-Type", "text/html; charset=utf-8")
		header.Set("Content-Security-Policy", policy)
		header.Set("X-Content-Type-Options", "nosniff")
		header.Set("Referrer-Policy", "no-referrer")
		header.Set("Cross-Origin-Opener-Policy", "same-origin")
		header.Set("Cache-Control", "no-cache")
		header.Set("ETag", tag)
		r.Header.Del("Range") // always the whole page
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(page))
	})
}

// assemble returns the page with its style and scripts, and the policy that allows
// only these.
func assemble() (page, policy string) {
	script := textsScript + pageScript + jsonScript + connectionScript + statsScript + chartScript + topicsScript + eventsScript + streamScript + sessionScript + mainScript
	page = strings.Replace(markup, stylePlaceholder, "<style>"+style+"</style>", 1)
	page = strings.Replace(page, scriptPlaceholder, `<script type="module">`+script+"</script>", 1)
	return page, policyFor(style, script)
}

func policyFor(style, script string) string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src " + hashSource(script),
		"style-src " + hashSource(style),
		"img-src data:", // the icon, which is part of the page
		"connect-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	}, "; ")
}

// hashSource returns the hash of a text as a source of a Content-Security-Policy.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
