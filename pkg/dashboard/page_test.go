package dashboard_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/eventagg/eventagg/pkg/api"
	"github.com/eventagg/eventagg/pkg/queue"
)

func TestPage_ShowsTotalsOfStats(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	p := open(t, s.url())
	s.publish(numbered("order", "o", 0, 1500)...)
	s.publish(numbered("order", "o", 100, 500)...)
	s.publish(numbered("login", "l", 0, 7)...)
	var stats api.Stats
	var topics []api.TopicStats
	s.call("GET", "stats", nil, &stats)
	s.call("GET", "stats/topics", nil, &topics)
	if stats.Received != 1907 || stats.Duplicates != 400 {
		t.Fatalf("stats: %+v", stats)
	}
	p.waitText("#received", "1,907")
	for id, want := range map[string]int64{"received": stats.Received, "stored": stats.Stored, "duplicates": stats.Duplicates} {
		if got := digits(p.text("#" + id)); got != fmt.Sprint(want) {
			t.Errorf("%s shows %s, want %d", id, got, want)
		}
	}
	if got := p.text("#ratio"); got != "21.0%" {
		t.Errorf("the ratio shows %s", got)
	}
	p.wait("document.querySelectorAll('#topics tr').length === 2 && document.querySelector('#topics').innerText.includes('1,900')")
	rows := eval[[][]string](p, "[...document.querySelectorAll('#topics tr')].map((row) => [...row.children].slice(0, 4).map((cell) => cell.innerText))")
	want := [][]string{{"order", "1,900", "400", "21.1%"}, {"login", "7", "0", "0.0%"}}
	if fmt.Sprint(rows) != fmt.Sprint(want) {
		t.Errorf("the table shows %v, want %v", rows, want)
	}
	if len(topics) != 2 || topics[0].Stored != 1500 {
		t.Errorf("/stats/topics has %+v", topics)
	}
	p.wait("document.querySelectorAll('#chart path[d^=M]').length === 2 && !document.querySelector('#readout').innerText.includes('Peak 0')")

	documents := 0
	for _, request := range p.sent() {
		kind, address, _ := strings.Cut(request, " ")
		switch {
		case kind == "Document":
			documents++
		case kind != "Fetch" && kind != "XHR" && kind != "EventSource", !strings.HasPrefix(address, s.url()):
			t.Errorf("the page requested %s", request)
		}
	}
	if documents != 1 {
		t.Errorf("the page has %d documents", documents)
	}
}

func TestPage_ShowsHowToPublish(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	p := open(t, s.url())
	p.wait("!document.querySelector('#empty').hidden && document.querySelector('#lists').hidden")
	if curl := p.text("#curl"); !strings.HasPrefix(curl, "curl '"+s.url()+"publish' ") {
		t.Errorf("the command is %s", curl)
	}
	p.do(chromedp.Click(chromedp.CSS("#copy")))
	p.wait("document.querySelector('#copy').innerText !== 'Copy'")
	_, command, _ := strings.Cut(p.text("#curl"), " -d '")
	var event map[string]any
	if err := json.Unmarshal([]byte(strings.TrimSuffix(command, "'")), &event); err != nil {
		t.Fatal(err)
	}
	s.publish(event)
	p.wait("document.querySelector('#empty').hidden")
	p.waitText("#events", "greeting")
}

func TestPage_ShowsHostileTextAsText(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	p := open(t, s.url())
	topics := []string{
		"<script>document.title='in'</script>", "</style><style>*{display:none}", "<img src=x onerror=document.title='in'>",
		"\u202ereversed", "\u2067isolated", "in\u200bvisible", "no\u00a0break", "ta\U000e0067", "\u3164", `"quoted" & 'quoted'`, "__proto__", "constructor", "..", "${document.title='in'}", "a/b?c#d%2F", strings.Repeat("w", 255),
	}
	hidden := strings.NewReplacer("\u202e", `\u202e`, "\u2067", `\u2067`, "\u200b", `\u200b`, "\u00a0", `\u00a0`, "\U000e0067", `\udb40\udc67`, "\u3164", `\u3164`)
	for i, topic := range topics {
		s.publish(newEvent(topic, topic, json.RawMessage(fmt.Sprintf(`{"i":%d,"html":"</pre><script>document.title='in'</script>","turned":"%c"}`, i, '\u202e'))))
	}
	p.wait(fmt.Sprintf("document.querySelectorAll('#topics tr').length === %d && document.querySelectorAll('#events li').length === %[1]d", len(topics)))
	got := eval[[]string](p, "[...document.querySelectorAll('#topics th bdi')].map((e) => e.textContent)")
	slices.Sort(got)
	var shown []string // characters without a shape and characters that turn the direction are escaped
	for _, topic := range topics {
		shown = append(shown, hidden.Replace(topic))
	}
	if want := slices.Sorted(slices.Values(shown)); !slices.Equal(got, want) {
		t.Errorf("the topics are %q, want %q", got, want)
	}
	for i := range topics {
		eval[bool](p, fmt.Sprintf("(document.querySelector('#events li:nth-child(%d) summary').click(), true)", i+1))
	}
	p.wait(fmt.Sprintf("document.querySelectorAll('#events pre').length === %d", len(topics)))
	if text := eval[string](p, "document.querySelector('#events pre').textContent"); !strings.Contains(text, `"html": "</pre><script>document.title='in'</script>"`) || !strings.Contains(text, `"turned": "\u202e"`) {
		t.Errorf("the payload shows as %s", text)
	}
	if n := eval[int](p, "document.querySelectorAll('script').length + document.querySelectorAll('style').length + document.querySelectorAll('img').length"); n != 2 {
		t.Errorf("%d scripts, styles and images, want only the 2 of the page", n)
	}
	for i := range topics { // each row selects its topic
		p.click(fmt.Sprintf("#topics tr:nth-child(%d) button", i+1))
		p.wait(fmt.Sprintf("document.querySelector('#filter-topic').textContent === document.querySelectorAll('#topics th bdi')[%d].textContent", i))
		p.wait("document.querySelectorAll('#events li').length === 1 && document.querySelector('#events .topic').textContent === document.querySelector('#filter-topic').textContent")
	}
	if title := eval[string](p, "document.title"); title != "eventagg" {
		t.Errorf("a script ran: the title is %s", title)
	}
}

// TestPolicy_RefusesMarkup checks that the policy refuses markup even if a script of
// the page assigns it.
func TestPolicy_RefusesMarkup(t *testing.T) {
	t.Parallel()
	p := open(t, startSite(t).url())
	p.waitText("#connection", "Live")
	for _, attempt := range []string{
		"document.body.insertAdjacentHTML('beforeend', '<b id=in>')",
		"document.body.innerHTML = '<b id=in>'",
	} {
		if got := eval[string](p, fmt.Sprintf("(() => { try { %s; return 'in' } catch { return 'refused' } })()", attempt)); got != "refused" {
			t.Errorf("%s: %s", attempt, got)
		}
	}
	eval[bool](p, "(() => { const s = document.createElement('style'); s.textContent = 'body{display:none}'; document.head.append(s); return true })()")
	p.wait("getComputedStyle(document.body).display === 'block'")
	p.expectErrors(3, "Content Security Policy")
}

func TestPage_ShowsPayloadsExactly(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(newEvent("t", "exact", json.RawMessage(`{"n":123456789012345678901234567890.10,"e":1E5,"a":[1,[],{}],"s":"a\\\"b{,"}`)))
	s.publish(newEvent("t", "large", json.RawMessage(`{"s":"`+strings.Repeat("x", 1<<20)+`","last":1.50}`)))
	p := open(t, s.url())
	p.wait("document.querySelectorAll('#events li').length === 2")
	p.click("#events li:nth-child(2) summary")
	p.waitText("#events pre", "123456789012345678901234567890.10")
	want := "{\n  \"n\": 123456789012345678901234567890.10,\n  \"e\": 1E5,\n  \"a\": [\n    1,\n    [],\n    {}\n  ],\n  \"s\": \"a\\\\\\\"b{,\"\n}"
	if got := eval[string](p, "document.querySelector('#events pre').textContent"); got != want {
		t.Errorf("the payload shows as\n%s\nwant\n%s", got, want)
	}
	p.click("#events li:nth-child(1) summary")
	p.waitText("#events li:nth-child(1) .actions", "Show the whole payload")
	p.waitText("#events li:nth-child(1) .body", "Cut after 20,000 characters; the payload has 1.0 MiB.")
	if n := eval[int](p, "document.querySelector('#events li:nth-child(1) pre').textContent.length"); n > 30_000 {
		t.Errorf("%d characters are shown at once", n)
	}
	p.click("#events li:nth-child(1) .actions button")
	p.wait(`document.querySelector('#events li:nth-child(1) pre').textContent.endsWith('"last": 1.50\n}')`)
}

func TestPage_FiltersByTopic(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("a", "a", 0, 30)...)
	s.publish(numbered("b", "b", 0, 3)...)
	s.publish(numbered("b", "b", 0, 1)...)
	p := open(t, s.url())
	p.waitText("#received", "34")
	p.click("#topics tr:nth-child(2) button")
	p.waitText("#received", "4")
	p.waitText("#stored", "3")
	p.wait("document.querySelectorAll('#events li').length === 3 && location.search === '?topic=b' && !document.querySelector('#filter').hidden")
	s.publish(numbered("a", "a", 30, 33)...)
	s.publish(numbered("b", "b", 3, 4)...)
	p.waitText("#received", "5")
	p.wait("document.querySelectorAll('#events li').length === 4")
	if got := p.shownEvents(); !slices.Equal(got, []string{"b-3", "b-2", "b-1", "b-0"}) {
		t.Errorf("the list has %v", got)
	}
	p.do(chromedp.Reload())
	p.waitText("#received", "5")
	p.click("#filter-clear")
	p.waitText("#received", "38")
	p.wait("location.search === '' && document.querySelector('#filter').hidden")
	p.waitText("#events", "a-32")
}

func TestPage_SortsTopics(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("b", "b", 0, 30)...)
	s.publish(numbered("a", "a", 0, 10)...)
	s.publish(numbered("a", "a", 0, 9)...)
	nextMillisecond()
	s.publish(numbered("c", "c", 0, 2)...)
	s.publish(numbered("c", "c", 0, 2)...)
	p := open(t, s.url())
	p.wait("document.querySelectorAll('#topics tr').length === 3")
	for _, step := range []struct{ column, order, want string }{
		{"topic", "ascending", "a b c"}, {"topic", "descending", "c b a"}, {"duplicates", "descending", "a c b"},
		{"share", "descending", "c a b"}, {"share", "ascending", "b a c"}, {"last", "descending", "c a b"}, {"received", "descending", "b a c"},
	} {
		p.click("th[data-key=" + step.column + "] button")
		p.wait(fmt.Sprintf("document.querySelector('th[data-key=%s]').getAttribute('aria-sort') === %s", step.column, asJSON(step.order)))
		if got := eval[string](p, "[...document.querySelectorAll('#topics bdi')].map((e) => e.textContent).join(' ')"); got != step.want {
			t.Errorf("by %s, %s: %s, want %s", step.column, step.order, got, step.want)
		}
	}
	if n := eval[int](p, "document.querySelectorAll('[aria-sort=ascending], [aria-sort=descending]').length"); n != 1 {
		t.Errorf("%d columns are marked as sorted, want 1", n)
	}
}

func TestPage_KeepsEventsWhilePaused(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("t", "e", 0, 5)...)
	p := open(t, s.url())
	p.wait("document.querySelectorAll('#events li').length === 5")
	p.click("#pause")
	s.publish(numbered("t", "e", 5, 35)...)
	p.waitText("#pause", "Resume, 30 waiting")
	if got := len(p.shownEvents()); got != 5 {
		t.Errorf("%d events are shown while it is paused", got)
	}
	p.click("#pause")
	p.wait("document.querySelectorAll('#events li').length === 35")
	var want []string
	for i := 34; i >= 0; i-- {
		want = append(want, fmt.Sprintf("e-%d", i))
	}
	if got := p.shownEvents(); !slices.Equal(got, want) {
		t.Errorf("after the pause the list has %v", got)
	}
	p.click("#events summary") // an open event pauses the list, too
	s.publish(numbered("t", "e", 35, 535)...)
	p.waitText("#events-note", "Paused, 500 waiting. The page keeps the last 200.")
	p.click("#pause")
	p.wait("document.querySelector('#events .id').innerText === 'e-534'")
	if got := p.shownEvents(); len(got) != 200 || got[199] != "e-335" {
		t.Errorf("after the pause the list has %d events: %v", len(got), got)
	}
}

func TestPage_SearchesShownEvents(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("needle", "a", 0, 2)...)
	s.publish(newEvent("t", "in-payload", json.RawMessage(`{"x":"NEEDLE"}`)), newEvent("t", "other", json.RawMessage(`{}`)))
	p := open(t, s.url())
	p.wait("document.querySelectorAll('#events li').length === 4")
	p.search("needle")
	p.waitText("#events-note", "3 of 4 events match.")
	if got := p.shownEvents(); !slices.Equal(got, []string{"in-payload", "a-1", "a-0"}) {
		t.Errorf("found %v", got)
	}
	s.publish(numbered("needle", "late", 0, 1)...)
	s.publish(numbered("t", "late", 0, 1)...)
	p.waitText("#events-note", "4 of 6 events match.")
	p.search("")
	p.wait("document.querySelectorAll('#events li:not([hidden])').length === 6")
}

func TestPage_RemembersLanguageAndTheme(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("t", "e", 0, 1234)...)
	p := open(t, s.url())
	p.prefer("light")
	p.waitText("#received", "1,234")
	p.click("#language")
	p.waitText("#totals", "Diterima")
	p.waitText("#received", "1.234")
	p.waitText("#connection", "Langsung")
	p.click("#theme")
	p.do(chromedp.Reload())
	p.waitText("#received", "1.234")
	p.wait("document.documentElement.lang === 'id' && document.querySelector('#language').lang === 'en' && document.documentElement.dataset.theme === 'dark'")
	if english := eval[[]string](p, "[...document.querySelectorAll('[data-t]')].map((e) => e.innerText).filter((text) => /Received|Stored|Duplicates|Pause|Copy/.test(text))"); len(english) > 0 {
		t.Errorf("left in English: %q", english)
	}
	p.click("#language")
	p.waitText("#totals", "Received")
	p.click("#theme") // the theme of the system again
	p.prefer("dark")
	p.wait("document.documentElement.dataset.theme === 'dark' && getComputedStyle(document.body).backgroundColor === 'rgb(16, 19, 23)'")
}

func TestPage_ShowsQueueAndHealth(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	p := open(t, s.url())
	p.waitText("#health", "Database ok")
	p.wait("document.querySelector('#queued-card').hidden && document.querySelector('#dead-letters-card').hidden")
	p.expectLostRequests()
	s.end()
	s.queue = fixedQueue{size: queue.Size{Events: 4321, DeadLetters: 2}}
	s.start()
	p.waitText("#queued", "4,321")
	p.waitText("#dead-letters", "2")
	p.waitText("#health", "Queue ok")
	s.end()
	s.queue = fixedQueue{err: errors.New("unavailable")}
	s.start()
	p.waitText("#health", "Queue unavailable")
	p.wait("document.querySelector('#queued-card').hidden")
}

func TestPage_StopsPollsWhileHidden(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	p := open(t, s.url())
	p.waitText("#connection", "Live")
	p.hide(true)
	const maxInFlight = 4 // one of each poll
	before := len(p.sent())
	eval[bool](p, "new Promise((resolve) => setTimeout(resolve, 4000, true))") // page time: 4 polls of each kind
	if after := len(p.sent()); after > before+maxInFlight {
		t.Errorf("%d requests while the tab is hidden", after-before)
	}
	s.publish(numbered("t", "e", 0, 3)...)
	if got := p.text("#received"); got != "0" {
		t.Errorf("the page shows %s received", got)
	}
	p.hide(false)
	p.waitText("#received", "3")
	if n := strings.Count(strings.Join(p.sent(), "\n"), "stats/series"); n != 2 {
		t.Errorf("the history was requested %d times, want 2: at the start and after the break", n)
	}
}

func TestPage_KeepsLatestOfFlood(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	p := open(t, s.url())
	p.waitText("#connection", "Live")
	for i := range 10 {
		s.publish(numbered("t", "e", i*1000, i*1000+1000)...)
	}
	p.waitText("#received", "10,000")
	p.wait("document.querySelector('#events .id')?.innerText === 'e-9999'")
	if got := p.shownEvents(); len(got) != 200 || got[199] != "e-9800" {
		t.Errorf("the list has %d events: %v", len(got), got)
	}
}
