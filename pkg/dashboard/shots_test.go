package dashboard_test

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"github.com/eventagg/eventagg/pkg/api"
)

// TestScreenshots writes pictures of the page into a folder, to look at after a
// change and for the README.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("EVENTAGG_TEST_SCREENSHOTS")
	if folder == "" {
		t.Skip("EVENTAGG_TEST_SCREENSHOTS names no folder for the pictures")
	}
	s := startSite(t)
	s.queue = fixedQueue{}
	s.end()
	s.start()
	p := open(t, s.url())
	shoot := func(name, ready string) {
		t.Helper()
		p.wait(ready)
		p.nextFrame()
		for _, format := range []page.CaptureScreenshotFormat{page.CaptureScreenshotFormatPng, page.CaptureScreenshotFormatWebp} {
			quality := int64(70)
			picture, err := chromedp.Call(p.ctx, page.CaptureScreenshot, page.CaptureScreenshotParams{Format: format, Quality: &quality})
			if err == nil {
				err = os.WriteFile(filepath.Join(folder, name+"."+string(format)), picture.Data, 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	p.prefer("light")
	p.waitText("#health", "ok")
	shoot("empty", "!document.querySelector('#empty').hidden")
	for i := range 60 {
		s.publishShop(i*1000, 1000)
	}
	p.do(chromedp.Navigate(withHistory(t, s)))
	for i := range 12 {
		s.publishShop(60_000+i*100, 20+2*i%9)
		p.nextTotal()
	}
	shoot("busy", "document.querySelectorAll('#events li').length > 100")
	p.click("#events details summary")
	shoot("open", "document.querySelector('#events pre')")
	p.click("#pause")
	p.click("#topics tr:nth-child(3) button")
	s.publishShop(90_000, 100)
	shoot("filtered", "document.querySelectorAll('#events li').length >= 15")
	p.click("#filter-clear")
	p.click("#theme")
	shoot("dark", "document.documentElement.dataset.theme === 'dark' && document.querySelectorAll('#events li').length >= 20")
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2)))
	shoot("phone-dark", "innerWidth === 390")
	p.click("#theme")
	p.click("#language")
	shoot("phone", "document.documentElement.lang === 'id'")
	shoot("phone-2", "(scrollTo(0, 700), true)")
	shoot("phone-3", "(scrollTo(0, 1400), true)")
	p.click("#language")
	p.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.url()))
	p.waitText("#connection", "Live")
	p.expectLostRequests()
	s.end()
	shoot("disconnected", "document.body.classList.contains('stale') && (scrollTo(0, 0), true)")
}

// nextFrame waits until the page is drawn.
func (p *tab) nextFrame() {
	p.t.Helper()
	eval[bool](p, "new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(() => resolve(true))))")
}

// nextTotal waits until the page shows another total.
func (p *tab) nextTotal() {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelector('#received').innerText !== %s", asJSON(p.text("#received"))))
}

// publishShop publishes example events of a shop, about a third of them twice.
func (s *site) publishShop(from, count int) {
	s.t.Helper()
	topics := []string{"order_created", "order_paid", "order_shipped", "user_login", "user_logout", "cart_updated", "invoice_sent", "refund_issued"}
	var events []map[string]any
	for i := from; i < from+count; i++ {
		topic := topics[min(i*i%11, i*7%8)]
		payload := fmt.Sprintf(`{"order":%d,"user":"u-%06d","amount":%d.50,"items":[{"sku":"A-%d","count":%d}]}`, 700_000+i, i*7919%999_983, 10+i*31%400, i%97, 1+i%3)
		made := newEvent(topic, fmt.Sprintf("01a20588-0aa3-76ae-9f5c-%012x", i*7_919_993), json.RawMessage(payload))
		made["source"], made["timestamp"] = fmt.Sprintf("shop-%d", 1+i%4), time.Now().UTC().Format(time.RFC3339Nano)
		events = append(events, made)
		if i*i%17%3 == 0 {
			events = append(events, made)
		}
	}
	s.publish(events...)
}

// withHistory starts a proxy in front of the site that invents the history of the
// last 15 minutes, so that the pictures have a full chart.
func withHistory(t *testing.T, s *site) string {
	t.Helper()
	var now api.Stats
	s.call(http.MethodGet, "stats", nil, &now)
	var made api.Series
	var weights, sum float64
	weight := func(i int) float64 { x := float64(i); return 2 + math.Sin(x/90) + math.Sin(x/23)/3 + math.Sin(x*x)/4 }
	for i := range 900 {
		weights += weight(i)
	}
	for i := range 900 {
		sum += weight(i)
		point := api.Point{Time: time.Now().Add(time.Duration(i-900) * time.Second).UTC()}
		point.Stored, point.Duplicates = int64(float64(now.Stored)*sum/weights), int64(float64(now.Duplicates)*sum/weights)
		made.Points = append(made.Points, point)
	}
	target, err := url.Parse(s.url())
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == api.PathSeries {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(made)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
	})
	return front.URL
}
