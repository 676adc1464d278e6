package dashboard_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// contrasts returns the number of texts, and each text whose contrast is below the
// minimum of WCAG 2.2 at level AA: 4.5, or 3 for large texts.
const contrasts = `(() => {
	const parse = (color) => { const [r, g, b, a = 1] = color.match(/[\d.]+/g).map(Number); return [r, g, b, a] };
	const light = (c) => { c /= 255; return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4 };
	const luminance = ([r, g, b]) => 0.2126 * light(r) + 0.7152 * light(g) + 0.0722 * light(b);
	const behind = (e) => { for (; e; e = e.parentElement) { const c = parse(getComputedStyle(e).backgroundColor); if (c[3] === 1) return c; if (c[3] > 0) return [255, 0, 0] } return [255, 255, 255] };
	const ratio = (a, b) => { const [x, y] = [luminance(a), luminance(b)].sort((m, n) => n - m); return (x + 0.05) / (y + 0.05) };
	const low = [];
	let checked = 0;
	for (const e of document.querySelectorAll('body *')) {
		const svg = e.namespaceURI.endsWith('svg');
		const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim() !== '');
		if (!e.checkVisibility() || !(own || e.matches('input'))) continue;
		const style = getComputedStyle(e, e.matches('input') ? '::placeholder' : null);
		const large = parseFloat(style.fontSize) >= 24 || (parseFloat(style.fontSize) >= 18.66 && style.fontWeight >= 700);
		const found = ratio(parse(svg ? style.fill : style.color), behind(e));
		checked++;
		if (found < (large ? 3 : 4.5)) low.push(found.toFixed(2) + ': ' + (e.id || e.className || e.tagName) + ' ' + e.textContent.slice(0, 40));
	}
	for (const e of document.querySelectorAll('svg path, input')) { // the minimum for graphics is 3
		const style = getComputedStyle(e);
		if (ratio(parse(e.matches('input') ? style.borderTopColor : style.fill), behind(e.parentElement)) < 3) low.push('not text: ' + (e.id || e.getAttribute('class')));
	}
	return [String(checked), ...low];
})()`

func TestPage_HasEnoughContrast(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	p := open(t, s.url())
	check := func(state string) {
		t.Helper()
		for _, theme := range []string{"light", "dark"} {
			p.prefer(theme)
			p.wait("document.documentElement.dataset.theme === " + asJSON(theme))
			found := eval[[]string](p, contrasts)
			if len(found[0]) < 2 {
				t.Errorf("%s, %s: found only %s texts", state, theme, found[0])
			}
			for _, low := range found[1:] {
				t.Errorf("%s, %s: %s", state, theme, low)
			}
		}
	}
	p.wait("!document.querySelector('#empty').hidden")
	p.waitText("#health", "ok")
	check("empty")
	s.publish(numbered("a", "a", 0, 50)...)
	s.publish(numbered("b", "b", 0, 40)...)
	s.publish(numbered("b", "b", 0, 40)...)
	p.waitText("#received", "130")
	check("busy")
	p.click("#topics tr:nth-child(2) button")
	p.wait("document.querySelectorAll('#events li').length === 20")
	p.click("#events summary")
	p.wait("document.querySelector('#events pre')")
	check("filtered, with an open event")
	p.expectLostRequests()
	s.end()
	p.waitText("#connection", "Connection lost")
	p.waitText("#health", "unknown")
	check("disconnected")
	s.queue = fixedQueue{err: errors.New("unavailable")}
	s.start()
	p.waitText("#health", "unavailable")
	check("queue unavailable")
}

func TestPage_NamesEveryElement(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("a", "a", 0, 5)...)
	p := open(t, s.url())
	p.wait("document.querySelectorAll('#events li').length === 5 && document.querySelectorAll('#topics tr').length === 1")
	tree, err := chromedp.Call(p.ctx, accessibility.GetFullAXTree, accessibility.GetFullAXTreeParams{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]int{}
	for _, node := range tree.Nodes {
		if node.Ignored || node.Role == nil {
			continue
		}
		role := unquote([]byte(node.Role.Value))
		name := ""
		if node.Name != nil {
			name = unquote([]byte(node.Name.Value))
		}
		seen[role]++
		needs := []string{"button", "searchbox", "link", "table", "image", "img", "heading", "DisclosureTriangle", "columnheader", "rowheader"}
		if slices.Contains(needs, role) && strings.TrimSpace(name) == "" {
			t.Errorf("%s without a name: %s", role, asJSON(node))
		}
	}
	if seen["button"] != 9 || seen["searchbox"] != 1 || seen["table"] != 1 || seen["heading"] < 4 || seen["DisclosureTriangle"] != 5 {
		t.Errorf("the page has the roles %v", seen)
	}
	if got := eval[string](p, "document.documentElement.lang + ' ' + document.querySelectorAll('h1').length + ' ' + document.querySelectorAll('main').length"); got != "en 1 1" {
		t.Errorf("language, number of h1, number of main: %s", got)
	}
}

func unquote(value []byte) string {
	var text string
	if json.Unmarshal(value, &text) != nil {
		return string(value)
	}
	return text
}

func TestPage_WorksWithKeyboard(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("a", "a", 0, 3)...)
	s.publish(numbered("b", "b", 0, 2)...)
	p := open(t, s.url())
	p.wait("document.querySelectorAll('#events li').length === 5 && document.querySelectorAll('#topics tr').length === 2")
	controls := eval[int](p, `(() => {
		const all = [...document.querySelectorAll('button, input, a[href], summary, [tabindex="0"]')].filter((e) => e.checkVisibility());
		all.forEach((e, i) => { e.dataset.n = i; });
		return all.length;
	})()`)
	reached := map[string]bool{}
	for range controls + 10 { // the browser itself adds stops
		p.do(chromedp.KeyEvent(kb.Tab))
		at := eval[[]string](p, `(() => {
			const e = document.activeElement, style = getComputedStyle(e);
			return [e.dataset.n ?? '', style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2 ? 'seen' : 'unseen', e.outerHTML.slice(0, 80)];
		})()`)
		if at[0] != "" && at[1] != "seen" {
			t.Errorf("the focus is not visible at %s", at[2])
		}
		if at[0] != "" {
			reached[at[0]] = true
		}
	}
	if len(reached) != controls {
		t.Errorf("Tab reaches %d of %d controls", len(reached), controls)
	}

	focus := func(selector string) {
		eval[bool](p, fmt.Sprintf("(document.querySelector(%s).focus(), true)", asJSON(selector)))
	}
	focus("#chart")
	p.do(chromedp.KeyEvent(kb.ArrowLeft))
	p.wait(`/^\d\d:\d\d:\d\d: /.test(document.querySelector('#readout').innerText)`)
	focus("#topics tr:nth-child(2) button")
	p.do(chromedp.KeyEvent(kb.Enter))
	p.wait("document.querySelectorAll('#events li').length === 2 && document.activeElement.matches('#topics [aria-pressed=true]')")
	focus("#events summary")
	p.do(chromedp.KeyEvent(" "))
	p.wait("document.querySelector('#events details[open] pre')")
	focus("#filter-clear")
	p.do(chromedp.KeyEvent(kb.Enter))
	p.wait("document.querySelector('#filter').hidden && document.activeElement.matches('#topics button')")
}

func TestPage_FitsPhone(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	p := open(t, s.url())
	p.do(chromedp.EmulateViewport(390, 844))
	fits := func(state string) {
		t.Helper()
		p.wait("document.documentElement.scrollWidth <= 390")
		wide := eval[[]string](p, `[...document.querySelectorAll('button, input, h2, #received, summary, td, a:not(.skip)')].filter((e) => e.checkVisibility() && (e.getBoundingClientRect().right > 390.5 || e.getBoundingClientRect().left < 0)).map((e) => e.outerHTML.slice(0, 120))`)
		if len(wide) > 0 {
			t.Errorf("%s: outside the screen: %q", state, wide)
		}
	}
	p.wait("!document.querySelector('#empty').hidden")
	fits("empty")
	s.publish(numbered(strings.Repeat("w", 255), strings.Repeat("i", 400), 0, 3)...)
	s.publish(numbered("a", "a", 0, 2000)...)
	s.publish(numbered("a", "a", 0, 2000)...)
	p.waitText("#received", "4,003")
	p.waitText("#topics", "www")
	fits("busy")
	p.click("#topics tr:nth-child(2) button")
	p.wait("document.querySelectorAll('#events li').length === 3")
	eval[bool](p, "(document.querySelector('#events summary').click(), true)")
	p.wait("document.querySelector('#events pre')")
	fits("filtered, with an open event")
	p.click("#language")
	fits("in Indonesian")
}
