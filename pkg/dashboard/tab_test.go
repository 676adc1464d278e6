package dashboard_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tab is a tab with a profile of its own. What goes wrong in it fails the test.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	requests []string // "type address"
	faults   []string
	// offline lets requests fail: the test takes the server away.
	offline bool
}

// open opens an address in a tab of 1280 by 900.
func open(t *testing.T, address string) *tab {
	t.Helper()
	p := newTab(t)
	p.visit(address)
	return p
}

// newTab is a tab that shows nothing yet.
func newTab(t *testing.T) *tab {
	t.Helper()
	p := &tab{t: t}
	ctx, cancel := chromedp.NewContext(shared.start(t), chromedp.WithNewBrowserContext(), chromedp.WithListener(p.hear))
	p.ctx = ctx
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the page at the end:\n%.3000s", p.text("body"))
		}
		cancel()
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, fault := range p.faults {
			t.Errorf("in the browser: %s", fault)
		}
	})
	return p
}

func (p *tab) visit(address string) {
	p.t.Helper()
	p.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(address))
}

// hear notes requests and faults.
func (p *tab) hear(message any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch m := message.(type) {
	case *network.EventRequestWillBeSent:
		p.requests = append(p.requests, fmt.Sprintf("%s %s", m.Type, m.Request.URL))
	case *runtime.EventExceptionThrown:
		p.faults = append(p.faults, "exception: "+asJSON(m.ExceptionDetails))
	case *runtime.EventConsoleAPICalled:
		p.faults = append(p.faults, "console: "+asJSON(m.Args))
	case *log.EventEntryAdded:
		// A machine under load may take longer to look at its store than a health check waits.
		if m.Entry.Source != "network" || !p.offline && !strings.HasSuffix(m.Entry.URL, "/readyz") {
			p.faults = append(p.faults, asJSON(m.Entry))
		}
	}
}

// expectLosses says that from now on requests may fail.
func (p *tab) expectLosses() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.offline = true
}

// forgive takes back faults that the test provoked, count of them at the least,
// all of which have a text.
func (p *tab) forgive(count int, text string) {
	p.t.Helper()
	eventually(p.t, "the browser complains", func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		return len(p.faults) >= count
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = slices.DeleteFunc(p.faults, func(fault string) bool { return strings.Contains(fault, text) || strings.Contains(fault, "Trusted") })
}

func (p *tab) sent() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string{}, p.requests...)
}

func (p *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	// The first action must have the tab's own context, which ends the tab.
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
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
	return value
}

// wait waits until an expression is true.
func (p *tab) wait(expression string) {
	p.t.Helper()
	for deadline := time.Now().Add(patience); !eval[bool](p, "!!("+expression+")"); {
		if time.Now().After(deadline) {
			p.t.Fatalf("never true: %s", expression)
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-p.ctx.Done():
			p.t.Fatal(p.ctx.Err())
		}
	}
}

// text returns what an element says.
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

// search types into the search field, in place of what is there.
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

// prefer makes the system's theme dark or light.
func (p *tab) prefer(theme string) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
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
