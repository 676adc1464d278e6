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

// TestScreenshots writes pictures into the folder that the variable names, for a
// look after a change and for the README.
func TestScreenshots(t *testing.T) {
	folder := os.Getenv("EVENTAGG_TEST_SCREENSHOTS")
	if folder == "" {
		t.Skip("writes pictures where EVENTAGG_TEST_SCREENSHOTS names a folder")
	}
	s := startSite(t)
	s.queue = fixedQueue{}
	s.end()
	s.start()
	p := open(t, s.url())
	shoot := func(name string) {
		t.Helper()
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
	p.wait("!document.querySelector('#empty').hidden")
	p.waitText("#health", "ok")
	shoot("empty")
	for i := range 60 {
		s.publishShown(i*1000, 1000)
	}
	p.do(chromedp.Navigate(withHistory(t, s)))
	for i := range 12 {
		s.publishShown(60_000+i*100, 80+7*i%31)
		<-time.After(time.Second)
	}
	shoot("busy")
	p.click("#events details summary")
	<-time.After(time.Second)
	shoot("open")
	p.click("#pause")
	p.click("#topics tr:nth-child(3) button")
	s.publishShown(90_000, 100)
	<-time.After(2 * time.Second)
	shoot("filtered")
	p.click("#filter-clear")
	p.click("#theme")
	<-time.After(2 * time.Second)
	shoot("dark")
	p.do(chromedp.EmulateViewport(390, 844, chromedp.EmulateScale(2)))
	<-time.After(2 * time.Second)
	shoot("phone-dark")
	p.click("#theme")
	p.click("#language")
	<-time.After(time.Second)
	shoot("phone")
	eval[bool](p, "(scrollTo(0, 700), true)")
	<-time.After(time.Second)
	shoot("phone-2")
	eval[bool](p, "(scrollTo(0, 1400), true)")
	<-time.After(time.Second)
	shoot("phone-3")
	p.click("#language")
	p.do(chromedp.EmulateViewport(1280, 900), chromedp.Navigate(s.url()))
	p.waitText("#connection", "Live")
	p.expectLostRequests()
	s.end()
	eval[bool](p, "(scrollTo(0, 0), true)")
	p.wait("document.body.classList.contains('stale')")
	<-time.After(2 * time.Second)
	shoot("disconnected")
}

// publishShown publishes events that look like those of a shop, about a third of
// them twice.
func (s *site) publishShown(from, count int) {
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

// withHistory puts a server in front of the site's that makes up a quarter of an
// hour before now: a picture does not wait that long.
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
