package dashboard_test

import (
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/eventagg/eventagg/pkg/api"
)

// attacks sends an event to a site in every way that a page has, reads from it, and
// returns what it could read.
const attacks = `(async () => {
	const site = %s, event = (id) => JSON.stringify({topic: 't', event_id: id, timestamp: '2025-12-19', source: 's', payload: {}});
	const read = [];
	const frame = (name) => { const f = document.createElement('iframe'); f.name = name; document.body.append(f); return new Promise((done) => f.onload = done) };
	const post = (id, init) => fetch(site + 'publish', {method: 'POST', body: event(id), ...init}).then((r) => r.text()).then((text) => text && read.push(text), () => {});
	navigator.sendBeacon(site + 'publish', new Blob([event('beacon')]));
	await post('blob', {mode: 'no-cors', body: new Blob([event('blob')])});
	await post('text', {mode: 'no-cors'});
	await post('keepalive', {mode: 'no-cors', keepalive: true});
	await post('cors', {});
	await post('json', {headers: {'Content-Type': 'application/json'}});
	frame('target');
	const form = document.createElement('form');
	Object.assign(form, {method: 'post', action: site + 'publish', target: 'target', enctype: 'text/plain'});
	form.innerHTML = '<input name=x value=y>';
	document.body.append(form);
	form.submit();
	await fetch(site + 'events').then((r) => r.text()).then((text) => read.push(text), () => {});
	await fetch(site + 'stats', {mode: 'no-cors'}).then((r) => r.text()).then((text) => text && read.push(text), () => {});
	await new Promise((done) => { const s = new EventSource(site + 'events/stream?limit=1'); s.onmessage = s.onopen = () => { read.push('stream'); s.close(); done() }; s.onerror = () => { s.close(); done() } });
	await new Promise((done) => { const s = document.createElement('script'); s.src = site + 'docs/docs.js'; s.onload = () => { read.push('script'); done() }; s.onerror = done; document.body.append(s) });
	return read;
})()`

// startForeignSite starts a server with an empty page.
func startForeignSite(t *testing.T) (port string) {
	t.Helper()
	foreign := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = fmt.Fprint(w, "<!doctype html><title>foreign</title><body>")
	}))
	_, port, err := net.SplitHostPort(foreign.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// TestForeignPage_CanNeitherWriteNorRead: another port of this machine is another
// origin of the same site, and localhost is another site than 127.0.0.1.
func TestForeignPage_CanNeitherWriteNorRead(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("secret", "e", 0, 1)...)
	port := startForeignSite(t)
	for _, host := range []string{"127.0.0.1", "localhost"} {
		p := open(t, "http://"+host+":"+port+"/")
		p.expectLostRequests()
		if read := eval[[]string](p, fmt.Sprintf(attacks, asJSON(s.url()))); len(read) > 0 {
			t.Errorf("a page of %s read %q", host, read)
		}
		p.expectErrors(1, "")
	}
	var stats api.Stats
	s.call(http.MethodGet, "stats", nil, &stats)
	if stats.Received != 1 {
		t.Errorf("received %d events, want 1", stats.Received)
	}
}

func TestForeignPage_WithAllowedOriginWritesAndReads(t *testing.T) {
	t.Parallel()
	port := startForeignSite(t)
	s := &site{t: t, address: "127.0.0.1:0", path: t.TempDir() + "/events.db", origins: []string{"http://localhost:" + port}}
	s.start()
	t.Cleanup(s.end)
	p := open(t, "http://localhost:"+port+"/")
	p.expectLostRequests()
	read := strings.Join(eval[[]string](p, fmt.Sprintf(attacks, asJSON(s.url()))), "\n")
	for _, want := range []string{`"event_id":"json"`, `[{"topic":"t"`, "stream"} {
		if !strings.Contains(read, want) {
			t.Errorf("the page read %q, want %s", read, want)
		}
	}
	p.expectErrors(1, "")
}

func TestForeignPage_CanLinkToDashboard(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	p := open(t, "http://localhost:"+startForeignSite(t)+"/")
	p.do()
	eval[bool](p, `(() => { const a = document.createElement('a'); a.href = `+asJSON(s.url())+`; document.body.append(a); a.click(); return true })()`)
	p.waitText("#connection", "Live")
}
