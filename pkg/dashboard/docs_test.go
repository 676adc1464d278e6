package dashboard_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// TestDocs_SendRequestsWithKey enters a key in the HTTP reference, and reads and
// publishes with "Try it out".
func TestDocs_SendRequestsWithKey(t *testing.T) {
	t.Parallel()
	s, k := startLockedSite(t)
	p := open(t, s.url()+"docs")
	p.expectLostRequests()
	const stats = "#operations-Read-stats"
	execute := func(block string) {
		t.Helper()
		p.wait("document.querySelector('" + block + "')")
		if !eval[bool](p, "document.querySelector('"+block+" .execute') !== null") {
			p.click(block + " .opblock-summary-control")
			p.click(block + " .try-out__btn")
		}
		p.click(block + " .execute")
	}
	execute(stats)
	p.waitText(stats+" .live-responses-table", "401")
	p.shoot("docs-1-no-key")

	p.click(".authorize")
	p.wait("document.querySelector('.auth-container input')")
	p.shoot("docs-2-authorize")
	eval[bool](p, "(document.querySelector('.auth-container input').focus(), true)")
	p.do(chromedp.KeyEvent(k.keys["ops"].Reveal()), chromedp.KeyEvent(kb.Enter))
	p.click(".btn-done")
	execute(stats)
	p.waitText(stats+" .live-responses-table", `"received": 5`)
	p.prefer("dark")
	p.shoot("docs-3-key-dark")
	p.do(chromedp.EmulateViewport(390, 844))
	p.nextFrame()
	p.shoot("docs-4-phone-dark")
	if wide := eval[[]string](p, `document.documentElement.scrollWidth <= 390 ? [] : [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > 390.5).map((e) => e.tagName + '.' + e.className)`); len(wide) > 0 {
		t.Errorf("wider than a phone: %.800q", wide)
	}
}
