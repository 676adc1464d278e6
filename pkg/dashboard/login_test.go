package dashboard_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/eventagg/eventagg/pkg/auth"
)

// keyring is the keys of a site, by their ID. Tests remove them.
type keyring struct {
	t       *testing.T
	keys    map[string]auth.Key
	entries []auth.Entry
	set     atomic.Pointer[auth.Set]
}

func (k *keyring) add(id string, scopes auth.Scope, topics ...string) {
	key := auth.NewKey()
	k.keys[id] = key
	k.entries = append(k.entries, auth.Entry{ID: id, Hashes: []auth.Hash{key.Hash()}, Scopes: scopes, Topics: topics})
	k.load(k.entries)
}

func (k *keyring) load(entries []auth.Entry) {
	k.t.Helper()
	set, err := auth.NewSet(entries, 0)
	if err != nil {
		k.t.Fatal(err)
	}
	k.set.Store(set)
}

// remove removes the first key, as a reload does.
func (k *keyring) remove() {
	k.t.Helper()
	k.entries = k.entries[1:]
	k.load(k.entries)
}

// startLockedSite starts a site with 3 events of topic t, which a reader sees only
// with a key.
func startLockedSite(t *testing.T) (*site, *keyring) {
	t.Helper()
	s := startSite(t)
	s.publish(numbered("t", "e", 0, 3)...)
	s.publish(numbered("other", "o", 0, 2)...)
	k := &keyring{t: t, keys: map[string]auth.Key{}}
	k.add("ops", auth.ScopeRead|auth.ScopeMetrics)
	k.add("reader", auth.ScopeRead)
	k.add("metrics", auth.ScopeMetrics)
	k.add("publisher", auth.ScopePublish)
	k.add("bounded", auth.ScopeRead|auth.ScopeMetrics, "t*")
	s.end()
	s.keys = k.set.Load
	s.start()
	return s, k
}

// enterKey writes a key into the field and submits it.
func (p *tab) enterKey(key string) {
	p.t.Helper()
	p.wait("document.querySelector('#login').checkVisibility() && !document.querySelector('#login-button').disabled")
	eval[bool](p, "(document.querySelector('#key').focus(), document.querySelector('#key').select(), true)")
	p.do(chromedp.KeyEvent(key), chromedp.KeyEvent(kb.Enter))
}

// shoot writes a picture of the page if EVENTAGG_TEST_SCREENSHOTS names a folder.
func (p *tab) shoot(name string) {
	p.t.Helper()
	folder := os.Getenv("EVENTAGG_TEST_SCREENSHOTS")
	if folder == "" {
		return
	}
	p.nextFrame()
	picture, err := chromedp.Call(p.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{})
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, "login-"+name+".png"), picture.Data, 0o600)
	}
	if err != nil {
		p.t.Fatal(err)
	}
}

func TestLogin_AllStates(t *testing.T) {
	t.Parallel()
	s, k := startLockedSite(t)
	p := open(t, s.url())
	p.expectLostRequests() // the browser logs each 401
	empty := func(state string) {
		t.Helper()
		p.wait("!['#totals', '#rates', '#lists', '#empty'].some((id) => document.querySelector(id).checkVisibility())")
		if html := eval[string](p, "document.body.innerText"); strings.Contains(html, "e-0") || strings.Contains(html, "other") {
			t.Errorf("%s: the page shows data: %s", state, html)
		}
	}
	p.waitText("#login", "This server needs an API key")
	p.waitText("#login-message", "Enter a key")
	p.waitText("#connection", "Not logged in")
	empty("no key")
	p.shoot("1-no-key")
	for _, request := range p.sent() {
		if strings.Contains(request, "/stats") || strings.Contains(request, "/events") {
			t.Errorf("the page asked for data without a key: %s", request)
		}
	}

	p.enterKey(auth.NewKey().Reveal())
	p.waitText("#login-message", "does not accept this key")
	empty("wrong key")
	p.shoot("2-wrong-key")
	p.enterKey(k.keys["publisher"].Reveal())
	p.waitText("#login-message", "may not read events or totals")
	p.shoot("3-lacks-scopes")

	p.enterKey(k.keys["ops"].Reveal())
	p.waitText("#received", "5")
	p.waitText("#connection", "Live")
	p.waitText("#session", "Key ops")
	p.waitText("#events", "e-0")
	p.shoot("4-logged-in")
	secret := k.keys["ops"].Reveal()[3:20]
	if eval[bool](p, "document.cookie.includes('eventagg') || document.documentElement.outerHTML.includes('"+secret+"') || document.querySelector('#key').value !== ''") {
		t.Error("a script of the page can read the key or its cookie")
	}
	other := p.beside(s.url()) // another tab of the browser is logged in, too
	other.waitText("#received", "5")

	k.remove()
	p.waitText("#login-message", "The session has ended")
	empty("key removed")
	p.shoot("5-key-removed")
	other.waitText("#login-message", "The session has ended")

	p.enterKey(k.keys["bounded"].Reveal())
	p.waitText("#session", "Key bounded")
	p.waitText("#denied", "may not read the totals of all topics")
	p.waitText("#events-note", "Select one of its topics")
	p.shoot("6-some-topics")
	p.click("#topics tr button")
	p.waitEvents(countdown(3))
	p.waitText("#received", "3")
	other.waitText("#session", "Key bounded") // without a reload

	p.click("#logout")
	p.waitText("#login-message", "You are logged out")
	empty("logged out")
	p.shoot("7-logged-out")
	other.waitText("#login", "This server needs an API key")
	if cookies := eval[int](p, "fetch('stats').then((r) => r.status)"); cookies != 401 {
		t.Errorf("after the log-out: status %d, want 401", cookies)
	}
}

func TestLogin_ScopesOfOneKind(t *testing.T) {
	t.Parallel()
	s, k := startLockedSite(t)
	p := open(t, s.url())
	p.expectLostRequests()
	p.enterKey(k.keys["reader"].Reveal())
	p.waitText("#events", "e-0")
	p.waitText("#connection", "Live")
	p.waitText("#denied", "may not read the totals")
	p.shoot("8-only-read")
	p.click("#logout")
	p.enterKey(k.keys["metrics"].Reveal())
	p.waitText("#received", "5")
	p.waitText("#events-note", "This key may not read events")
	p.waitText("#connection", "Live")
	p.shoot("9-only-metrics")
	for _, request := range p.sent() {
		if strings.Contains(request, "/events/stream?limit=20") && p.streams() > 1 {
			t.Errorf("the page opened %d streams, want the one of the first key", p.streams())
		}
	}
}

// TestLogin_ServerGetsKeys: the page was open before the server had keys.
func TestLogin_ServerGetsKeys(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("t", "e", 0, 3)...)
	p := open(t, s.url())
	p.waitText("#received", "3")
	if eval[bool](p, "document.querySelector('#session').checkVisibility()") {
		t.Error("a server without keys offers a login")
	}
	p.expectLostRequests()
	k := &keyring{t: t, keys: map[string]auth.Key{}}
	k.add("ops", auth.ScopeRead|auth.ScopeMetrics)
	s.end()
	s.keys = k.set.Load
	s.start()
	p.waitText("#login-message", "Enter a key")
	p.wait("!document.querySelector('#events').checkVisibility()")
	p.enterKey(k.keys["ops"].Reveal())
	p.waitText("#received", "3")
	p.waitEvents(countdown(3))
}

func TestLogin_LimitsWrongKeys(t *testing.T) {
	t.Parallel()
	s, _ := startLockedSite(t)
	p := open(t, s.url())
	p.expectLostRequests()
	const wrong = `fetch('session', {method: 'POST', headers: {'Content-Type': 'application/json'}, body: '{"key":"wrong"}'}).then((r) => r.status)`
	statuses := eval[[]int](p, "Promise.all(Array.from({length: 30}, () => "+wrong+"))")
	if !slices.Contains(statuses, 401) || !slices.Contains(statuses, 429) {
		t.Errorf("30 wrong keys: %v", statuses)
	}
	p.enterKey("wrong")
	p.waitText("#login-message", "Too many wrong keys")
	p.shoot("10-too-many")
}

// TestLogin_CookieIsStrict: another page of this machine sends no cookie.
func TestLogin_CookieIsStrict(t *testing.T) {
	t.Parallel()
	s, k := startLockedSite(t)
	p := open(t, s.url())
	p.expectLostRequests()
	p.enterKey(k.keys["ops"].Reveal())
	p.waitText("#received", "5")
	found, err := chromedp.Call(p.ctx, network.GetCookies, network.GetCookiesParams{})
	if err != nil {
		t.Fatal(err)
	}
	if len(found.Cookies) != 1 {
		t.Fatalf("%d cookies, want 1", len(found.Cookies))
	}
	c := found.Cookies[0]
	if c.SameSite != network.CookieSameSiteStrict || !c.HTTPOnly || c.Path != "/" || !strings.HasPrefix(c.Name, "eventagg_") {
		t.Errorf("cookie %+v", c)
	}
	foreign := p.beside("http://127.0.0.1:" + startForeignSite(t) + "/") // the same site, so SameSite does not protect
	const read = `fetch(%s, {credentials: 'include'}).then((r) => r.text(), () => 'refused')`
	if got := eval[string](foreign, strings.Replace(read, "%s", asJSON(s.url()+"events"), 1)); got != "refused" {
		t.Errorf("another page read %s", got)
	}
	foreign.expectErrors(1, "")
}
