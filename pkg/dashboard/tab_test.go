package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a tab with its own profile. Errors of the page fail the test.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []string // "type address"
	errors   []string
	offline  bool          // the test stops the server, so requests may fail
	recorded chan struct{} // has a message after requests or errors changed
}

// open opens an address in a tab of 1280 by 900.
func open(t *testing.T, address string) *tab {
	t.Helper()
	p := newTab(t)
	p.visit(address)
	return p
}

// newTab opens an empty tab.
func newTab(t *testing.T) *tab {
	t.Helper()
	return newTabIn(chromium.start(t), t, chromedp.WithNewBrowserContext())
}

// beside opens an address in another tab of the same profile. If requests of p may
// fail, those of the other tab may, too.
func (p *tab) beside(address string) *tab {
	p.t.Helper()
	other := newTabIn(p.ctx, p.t)
	p.mu.Lock()
	other.offline = p.offline
	p.mu.Unlock()
	other.visit(address)
	return other
}

func newTabIn(parent context.Context, t *testing.T, options ...chromedp.ContextOption) *tab {
	t.Helper()
	p := &tab{t: t, recorded: make(chan struct{}, 1)}
	ctx, cancel := chromedp.NewContext(parent, append(options, chromedp.WithListener(p.record))...)
	p.ctx = ctx
	t.Cleanup(func() { //nolint:contextcheck // the context of the tab
		if t.Failed() {
			t.Logf("the page at the end:\n%.3000s", p.text("body"))
		}
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, message := range p.errors {
			t.Errorf("in the browser: %s", message)
		}
	})
	return p
}

// fastTimers makes the timers of a page four times as fast, because tests wait for
// the next poll most of the time. realTimeout is the timer of the browser.
const fastTimers = `window.realTimeout = setTimeout.bind(window); window.setTimeout = (f, time, ...args) => realTimeout(f, time / 4, ...args);`

// visit opens an address in a window of 1280 by 900.
func (p *tab) visit(address string) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(1280, 900))
	if _, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: fastTimers}); err != nil {
		p.t.Fatal(err)
	}
	p.do(chromedp.Navigate(address))
}

// record records requests and errors.
func (p *tab) record(message any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer p.notify()
	switch m := message.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, fmt.Sprintf("%s %s", m.Type, m.Request.URL))
	case *runtime.EventExceptionThrown:
		p.errors = append(p.errors, "exception: "+asJSON(m.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		p.errors = append(p.errors, "console: "+asJSON(m.Args))
	case *log.EventEntryAdded:
		// On a busy machine the check of the store may exceed the timeout of a health check.
		if m.Entry.Source != "network" || !p.offline && !strings.HasSuffix(m.Entry.URL, "/readyz") {
			p.errors = append(p.errors, asJSON(m.Entry))
		}
	}
}

// notify wakes until.
func (p *tab) notify() {
	select {
	case p.recorded <- struct{}{}:
	default:
	}
}

// expectLostRequests allows requests to fail from now on.
func (p *tab) expectLostRequests() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offline = true
}

// expectErrors waits until the browser reported at least count errors. Errors that
// contain text are expected; the others fail the test.
func (p *tab) expectErrors(count int, text string) {
	p.t.Helper()
	p.until("the browser reports errors", func() bool { return len(p.errors) >= count })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errors = slices.DeleteFunc(p.errors, func(e string) bool { return strings.Contains(e, text) || strings.Contains(e, "Trusted") })
}

// sent returns the requests so far.
func (p *tab) sent() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.requests)
}

// streams returns how many requests of the stream there were.
func (p *tab) streams() int { return strings.Count(strings.Join(p.sent(), "\n"), "/events/stream?") }

// hide hides or shows the tab.
func (p *tab) hide(hidden bool) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf("Object.defineProperty(document, 'hidden', {value: %t, configurable: true}) && document.dispatchEvent(new Event('visibilitychange'))", hidden))
}

// until waits until a condition on requests and errors is true. It checks after
// each message of the browser, with the lock held.
func (p *tab) until(what string, condition func() bool) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, timeout)
	defer cancel()
	for {
		p.mu.Lock()
		done := condition()
		p.mu.Unlock()
		if done {
			return
		}
		select {
		case <-p.recorded:
		case <-ctx.Done():
			p.t.Fatalf("never: %s", what)
		}
	}
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, timeout)
	defer cancel()
	// The first action must use the context of the tab: the tab closes when that context ends.
	if err := chromedp.Do(p.ctx); err != nil {
		p.t.Fatalf("open a tab: %v", err)
	}
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.t.Fatalf("browser: %v", err)
	}
}

// eval returns the value of a JavaScript expression.
func eval[T any](p *tab, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, timeout)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// wait waits until a JavaScript expression is true. The page checks it every 20 ms.
func (p *tab) wait(expression string) {
	p.t.Helper()
	const loop = `new Promise((resolve) => { const check = () => { (%s) ? resolve(true) : realTimeout(check, 20) }; check() })`
	ctx, cancel := context.WithTimeout(p.ctx, timeout)
	defer cancel()
	for {
		_, err := chromedp.Run(ctx, chromedp.Evaluate[bool](fmt.Sprintf(loop, expression), chromedp.EvalAwaitPromise))
		switch {
		case err == nil:
			return
		case ctx.Err() == nil && strings.Contains(err.Error(), "navigated"): // a link was followed meanwhile
		default:
			p.t.Fatalf("never true: %s: %v", expression, err)
		}
	}
}

// text returns the text of an element.
func (p *tab) text(selector string) string {
	p.t.Helper()
	return eval[string](p, fmt.Sprintf("document.querySelector(%s)?.innerText ?? ''", asJSON(selector)))
}

func (p *tab) waitText(selector, text string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector(%s)?.innerText.includes(%s)", asJSON(selector), asJSON(text)))
}

func (p *tab) click(selector string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector(%s)", asJSON(selector)))
	p.do(chromedp.Click(chromedp.CSS(selector)))
}

// search replaces the text in the search field.
func (p *tab) search(text string) {
	p.t.Helper()
	eval[bool](p, "(document.querySelector('#search').select(), true)")
	p.do(chromedp.KeyEvent("\b" + text))
}

// shownEvents returns the event IDs in the list, newest first.
func (p *tab) shownEvents() []string {
	p.t.Helper()
	return eval[[]string](p, "[...document.querySelectorAll('#events li:not([hidden]) .id')].map((e) => e.innerText)")
}

// prefer sets the theme of the system to dark or light.
func (p *tab) prefer(theme string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, timeout)
	defer cancel()
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
	})
	if err != nil {
		p.t.Fatal(err)
	}
}

func asJSON(value any) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return err.Error()
	}
	return strings.TrimSpace(text.String())
}
