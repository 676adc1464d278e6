package dashboard_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// front is a proxy in front of a site.
type front struct {
	url     string
	streams atomic.Int64 // open
	asked   atomic.Int64 // streams requested so far
	foreign atomic.Bool  // streams get a page of the proxy instead
}

func startFront(t *testing.T, s *site) *front {
	t.Helper()
	proxy, f := s.proxy(), new(front)
	f.url = serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events/stream" {
			f.asked.Add(1)
			if f.foreign.Load() {
				w.Header().Set("Content-Type", "text/html")
				_, _ = fmt.Fprint(w, "<!doctype html><title>Log in</title>")
				return
			}
			f.streams.Add(1)
			defer f.streams.Add(-1)
		}
		proxy.ServeHTTP(w, r)
	})).URL + "/"
	return f
}

// waitStreams waits until the browser has so many streams.
func (f *front) waitStreams(p *tab, want int64) {
	p.t.Helper()
	for range 400 {
		if f.streams.Load() == want {
			return
		}
		eval[bool](p, "new Promise((resolve) => realTimeout(resolve, 25, true))")
	}
	p.t.Fatalf("the browser has %d streams, want %d", f.streams.Load(), want)
}

func TestPage_HiddenTabHasNoStream(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("t", "e", 0, 3)...)
	f := startFront(t, s)
	p := open(t, f.url)
	p.waitEvents(countdown(3))
	p.hide(true)
	f.waitStreams(p, 0)
	s.publish(numbered("t", "e", 3, 40)...)
	p.hide(false)
	p.waitEvents(countdown(40))
	f.waitStreams(p, 1)
	if sent := p.sent(); !strings.Contains(strings.Join(sent, "\n"), "/events/stream?cursor=") {
		t.Errorf("no request continues at the last position: %q", sent)
	}
	p.hide(true)
	f.waitStreams(p, 0)
	for i := range 3 {
		s.publish(numbered("t", "flood", i*1000, i*1000+1000)...)
	}
	s.publish(numbered("t", "e", 40, 240)...)
	p.hide(false)
	p.wait("document.querySelector('#events .id').innerText === 'e-239'")
	if n := eval[int](p, "document.querySelectorAll('#events li').length"); n != 200 {
		t.Errorf("the list has %d events, want the last 200", n)
	}
}

// TestPage_VisibleTabsShareAStream: a browser has 6 connections to a server.
func TestPage_VisibleTabsShareAStream(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("t", "e", 0, 3)...)
	f := startFront(t, s)
	tabs := []*tab{newTab(t)}
	tabs[0].expectLostRequests() // six tabs that poll a busy machine may get 503
	tabs[0].visit(f.url)
	tabs[0].waitEvents(countdown(3))
	for range 5 {
		tabs = append(tabs, tabs[0].beside(f.url))
	}
	for _, p := range tabs {
		p.waitEvents(countdown(3))
		p.waitText("#connection", "Live")
	}
	f.waitStreams(tabs[0], 1)
	s.publish(numbered("t", "e", 3, 20)...)
	for _, p := range tabs {
		p.waitEvents(countdown(20))
		p.waitText("#received", "20")
	}
	tabs[0].hide(true) // another tab takes the lead
	s.publish(numbered("t", "e", 20, 30)...)
	for _, p := range tabs[1:] {
		p.waitEvents(countdown(30))
	}
	f.waitStreams(tabs[0], 1)
	tabs[0].hide(false)
	tabs[0].waitEvents(countdown(30))
	f.waitStreams(tabs[0], 1)
	s.publish(numbered("other", "o", 0, 1)...)
	tabs[1].click("#topics tr:nth-child(2) button") // another topic is another stream
	tabs[1].waitEvents([]string{"o-0"})
	f.waitStreams(tabs[0], 2)
	for _, p := range tabs {
		p.wait("document.querySelector('#events .id').innerText === 'o-0'")
	}
}

func TestPage_RetriesForeignPageWithBackoff(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	f := startFront(t, s)
	f.foreign.Store(true)
	p := open(t, f.url)
	p.waitText("#connection", "A proxy responds in place of the event stream since")
	eval[bool](p, "new Promise((resolve) => setTimeout(resolve, 4000, true))") // page time
	if n := f.asked.Load(); n < 2 || n > 6 {
		t.Errorf("%d requests in the first 4 seconds, want 2 to 6", n)
	}
	s.publish(numbered("t", "e", 0, 3)...)
	f.foreign.Store(false)
	p.waitText("#connection", "Live")
	p.waitEvents(countdown(3))
}

// passTime makes the page's clock jump ahead, and waits until the page has noticed.
func (p *tab) passTime(ms int) {
	p.t.Helper()
	eval[bool](p, fmt.Sprintf("(() => { const before = performance.now.bind(performance); performance.now = () => before() + %d; return true })()", ms))
	polls := func() (count int) {
		for _, request := range p.requests {
			if strings.HasSuffix(request, "/stats") {
				count++
			}
		}
		return count
	}
	p.mu.Lock()
	before := polls()
	p.mu.Unlock()
	p.until("the page polls twice", func() bool { return polls() >= before+3 })
}

func TestPage_QuietStreamStaysOpen(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	p := open(t, s.url())
	p.waitText("#connection", "Live")
	s.publish(numbered("t", "e", 0, 1)...)
	p.waitEvents(countdown(1))
	p.waitText("#received", "1")
	p.passTime(25_000)
	if n := p.streams(); n != 1 {
		t.Errorf("%d streams after 25 s without another event, want 1", n)
	}
	p.passTime(25_000) // no comment either
	p.until("the page opens another stream", func() bool { return strings.Count(strings.Join(p.requests, "\n"), "/events/stream?") == 2 })
	s.publish(numbered("t", "e", 1, 2)...)
	p.waitEvents(countdown(2))
}

func TestPage_RatesSurviveClockSetBack(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	p := open(t, s.url())
	s.publish(numbered("t", "e", 0, 100)...)
	p.waitText("#received", "100")
	p.wait("!['–/s', '0/s'].includes(document.querySelector('#received-rate').innerText)")
	eval[bool](p, "(() => { const before = Date.now; Date.now = () => before() - 3600000; return true })()")
	s.publish(numbered("t", "e", 100, 300)...)
	p.waitText("#received", "300")
	p.wait("!['–/s', '0/s'].includes(document.querySelector('#received-rate').innerText)")
	p.wait("document.querySelector('#chart path.stored').getAttribute('d') !== ''")
}

func TestPage_ShowsDateOfAnotherDay(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("t", "e", 0, 1)...)
	for days, want := range map[int]string{0: `^\d\d:\d\d:\d\d\.\d{3}$`, 3: `^\w{3} \d+, \d\d:\d\d$`, 400: `^\w{3} \d+, 20\d\d$`} {
		p := newTab(t)
		p.do()
		source := fmt.Sprintf("{ const day = 86400000 * %d, D = Date; Date = class extends D { constructor(...a) { a.length ? super(...a) : super(D.now() + day) } static now() { return D.now() + day } } }", days)
		if _, err := chromedp.Call(p.ctx, page.AddScriptToEvaluateOnNewDocument, page.AddScriptToEvaluateOnNewDocumentParams{Source: source}); err != nil {
			t.Fatal(err)
		}
		p.visit(s.url())
		p.wait(fmt.Sprintf("/%s/.test(document.querySelector('#events time')?.innerText)", want))
	}
}

func TestPage_ReadsPointsOfTheChart(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("t", "e", 0, 100)...)
	p := open(t, s.url())
	p.waitText("#received", "100")
	const text = "document.querySelector('#chart').getAttribute('aria-valuetext')"
	p.wait("document.querySelector('#chart').role === 'slider' && " + text + " === 'Latest point'")
	eval[bool](p, "(document.querySelector('#chart').focus(), true)")
	p.do(chromedp.KeyEvent(kb.ArrowLeft))
	p.wait(`/^\d\d:\d\d:\d\d: /.test(` + text + `)`)
	now := eval[int](p, "+document.querySelector('#chart').getAttribute('aria-valuenow')")
	if last := eval[int](p, "+document.querySelector('#chart').getAttribute('aria-valuemax')"); now < last-2 || now >= last || last != 180 {
		t.Errorf("point %d of %d is selected", now, last)
	}
}

func TestPage_CountsManyTopics(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	var events []map[string]any
	for i := range 1200 {
		events = append(events, numbered(fmt.Sprintf("t-%04d", i), "e", 0, 1)...)
	}
	s.publish(events...)
	s.publish(numbered("t-0007", "e", 1, 3)...)
	p := open(t, s.url()+"?topic=t-1199")
	p.waitText("#topics-count", "The 101 busiest of 1,200")
	p.waitText("#received", "1")
	p.waitText("#topics tr.selected", "t-1199")
	if sent := strings.Join(p.sent(), "\n"); !strings.Contains(sent, "/stats/topics?limit=100\n") || strings.Contains(sent, "/stats/topics\n") {
		t.Errorf("the page does not limit the topics: %s", sent)
	}
	p.click("#topics-all")
	p.wait("document.querySelectorAll('#topics tr').length === 1001")
	p.wait("document.querySelector('#topics-all').hidden")
}
