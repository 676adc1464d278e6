package cmd_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/eventagg/eventagg/pkg/testdb"
)

// TestEventSource_MissesNothingBehindAProxy runs the JavaScript of the guide "following"
// in a browser, behind each proxy: the server crashes, starts again, stops in an orderly
// way, and starts again. The page sees each event once.
func TestEventSource_MissesNothingBehindAProxy(t *testing.T) {
	t.Parallel()
	browser := testdb.Chromium(t)
	_, script, _ := strings.Cut(readFile(t, guideFolder+"/following.md"), "```js\n")
	script, _, found := strings.Cut(script, "```")
	if !found || !strings.Contains(script, ", 5000)") {
		t.Fatal("the guide has no JavaScript that waits 5 seconds")
	}
	script = strings.NewReplacer(
		", 5000)", ", 200)",
		"event => console.log(event.topic, event.event_id)", "event => seen.push(event.event_id)",
	).Replace(script)
	for _, name := range []string{"nginx", "haproxy"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "sqlite:"+t.TempDir()+"/events.db")
			arguments := []string{"--http-allowed-hosts", proxyName, "--http-drain-delay", "500ms"}
			s.serve(arguments...)
			p := reverseProxies()[name].run(t, s.addr)
			ctx := newBrowser(t, browser, chromedp.Flag("ignore-certificate-errors", true),
				chromedp.Flag("host-resolver-rules", "MAP "+proxyName+" "+p.address))
			page := page{t, ctx, p}
			if err := chromedp.Do(ctx, chromedp.Navigate("https://"+proxyName+"/healthz")); err != nil {
				t.Fatal(err)
			}
			page.evaluate(`seen = []; opened = []; Original = EventSource;
				window.EventSource = class extends Original { constructor(url) { super(url); opened.push(this) } }; ` + script)
			page.await("opened[0].readyState === EventSource.OPEN")
			page.publish("first")

			s.end(syscall.SIGKILL)
			page.await("opened.length > 1") // the browser gave up, and the script has opened another one
			s.serve(arguments...)
			page.publish("after a crash")

			s.end(syscall.SIGTERM)
			s.serve(arguments...)
			page.publish("after an orderly stop")
			s.end(syscall.SIGTERM)
		})
	}
}

// page is a page in a browser behind a proxy.
type page struct {
	t   *testing.T
	ctx context.Context //nolint:containedctx // of the browser
	p   proxy
}

func (p page) evaluate(script string) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.Evaluate[chromedp.Void](script)); err != nil {
		p.t.Fatal(err)
	}
}

// await waits until an expression is true.
func (p page) await(expression string) {
	p.t.Helper()
	if err := chromedp.Do(p.ctx, chromedp.Poll[chromedp.Void](expression)); err != nil {
		p.t.Fatalf("%s: %v", expression, err)
	}
}

// publish publishes an event through the proxy and waits until the page has seen it, as
// the latest one and once.
func (p page) publish(id string) {
	p.t.Helper()
	body := fmt.Sprintf(`{"topic":"t","event_id":%q,"timestamp":"2025-12-19","source":"s","payload":{}}`, id)
	for deadline := time.Now().Add(20 * time.Second); ; {
		status, text := p.p.send(p.t, http.MethodPost, "/publish", strings.NewReader(body), "Content-Type", "application/json")
		if status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) { // HAProxy may find the server a moment later
			p.t.Fatalf("publish %s: %d %s", id, status, text)
		}
	}
	p.await(fmt.Sprintf("seen.at(-1) === %q && seen.filter((id) => id === %q).length === 1", id, id))
}
