package dashboard

import (
	"crypto/sha256"
	_ "embed" // for the parts of the page
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

// The scripts, in the order in which they need each other.
var (
	//go:embed page/texts.js
	textsScript string
	//go:embed page/page.js
	pageScript string
	//go:embed page/json.js
	jsonScript string
	//go:embed page/link.js
	linkScript string
	//go:embed page/stats.js
	statsScript string
	//go:embed page/chart.js
	chartScript string
	//go:embed page/topics.js
	topicsScript string
	//go:embed page/events.js
	eventsScript string
	//go:embed page/main.js
	mainScript string
)

// Marks in page.html that stand for what is put in.
const (
	styleMark  = "<style></style>"
	scriptMark = `<script type="module"></script>`
)

// Handler answers every GET and HEAD with the page. A browser keeps it, and asks
// each time whether it is still the same.
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
		r.Header.Del("Range") // a part of the page is of no use
		http.ServeContent(w, r, "", time.Time{}, strings.NewReader(page))
	})
}

// assemble puts style and scripts into the page, and makes the policy that allows
// just these.
func assemble() (page, policy string) {
	script := textsScript + pageScript + jsonScript + linkScript + statsScript + chartScript + topicsScript + eventsScript + mainScript
	page = strings.Replace(markup, styleMark, "<style>"+style+"</style>", 1)
	page = strings.Replace(page, scriptMark, `<script type="module">`+script+"</script>", 1)
	return page, policyFor(style, script)
}

func policyFor(style, script string) string {
	return strings.Join([]string{
		"default-src 'none'",
		"script-src " + hashSource(script),
		"style-src " + hashSource(style),
		"img-src data:", // the page's icon, which is in it
		"connect-src 'self'",
		"base-uri 'none'",
		"form-action 'none'",
		"frame-ancestors 'none'",
		"require-trusted-types-for 'script'",
		"trusted-types 'none'",
	}, "; ")
}

// hashSource names a text as the Content-Security-Policy does.
func hashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
