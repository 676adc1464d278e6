package dashboard_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// countdown returns the event IDs e-(n-1) to e-0.
func countdown(n int) []string {
	var ids []string
	for i := n - 1; i >= 0; i-- {
		ids = append(ids, fmt.Sprintf("e-%d", i))
	}
	return ids
}

func (p *tab) waitEvents(want []string) {
	p.t.Helper()
	p.wait(fmt.Sprintf("document.querySelectorAll('#events li').length >= %d", len(want)))
	if got := p.shownEvents(); !slices.Equal(got, want) {
		p.t.Errorf("the list has %v, want %v", got, want)
	}
}

func TestPage_ResumesAfterLostConnection(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("t", "e", 0, 5)...)
	p := open(t, s.url())
	p.waitText("#received", "5")
	p.waitEvents(countdown(5))
	p.expectLostRequests()
	address := s.address
	s.end()
	p.waitText("#connection", "Connection lost since")
	p.wait("document.body.classList.contains('stale') && /\\d\\d:\\d\\d:\\d\\d/.test(document.querySelector('#connection').innerText)")
	p.waitText("#received-rate", "–")
	p.wait("getComputedStyle(document.querySelector('#received')).color !== getComputedStyle(document.body).color")
	if got := p.text("#received"); got != "5" {
		t.Errorf("the page shows %s received, want the last known total", got)
	}

	s.address = "127.0.0.1:0" // an address that the page does not use
	s.start()
	s.publish(numbered("t", "e", 5, 60)...)
	s.end()
	s.address = address
	s.start()
	p.waitText("#received", "60")
	p.waitText("#connection", "Live")
	p.wait("!document.body.classList.contains('stale')")
	p.waitEvents(countdown(60))
	s.publish(numbered("t", "e", 60, 62)...)
	p.waitEvents(countdown(62))
}

// startFailingProxy starts a proxy in front of a site. While failing is set, it
// responds 503.
func startFailingProxy(t *testing.T, s *site) (address string, setFailing func(bool)) {
	t.Helper()
	proxy := s.proxy()
	var failing atomic.Bool
	front := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if failing.Load() {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	return front.URL + "/", func(on bool) {
		failing.Store(on)
		if on {
			front.CloseClientConnections()
		}
	}
}

func TestPage_ResumesAfterStatus503(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("t", "e", 0, 3)...)
	address, setFailing := startFailingProxy(t, s)
	p := open(t, address)
	p.waitEvents(countdown(3))
	p.expectLostRequests()
	setFailing(true)
	p.waitText("#connection", "Server error since")
	p.until("the page retries the stream", func() bool {
		return strings.Count(strings.Join(p.requests, "\n"), "/events/stream") >= 3
	})
	s.publish(numbered("t", "e", 3, 40)...)
	setFailing(false)
	p.waitText("#connection", "Live")
	p.waitEvents(countdown(40))
}

func TestPage_RestartsAfterRestore(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("t", "old", 0, 50)...)
	p := open(t, s.url())
	p.wait("document.querySelectorAll('#events li').length === 20")
	p.waitText("#received", "50")
	p.expectLostRequests()
	s.end()
	files, err := filepath.Glob(s.path + "*")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		if err := os.Remove(file); err != nil {
			t.Fatal(err)
		}
	}
	s.start()
	s.publish(numbered("t", "e", 0, 4)...)
	p.waitText("#notice", "different data now")
	p.waitText("#received", "4")
	p.wait("!document.querySelector('#events').innerText.includes('old')")
	p.waitEvents(countdown(4))
	p.click("#notice-close")
	p.wait("document.querySelector('#notice').hidden")
}

func TestPage_RejectsInvalidTopic(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("t", "e", 0, 4)...)
	p := newTab(t)
	p.expectLostRequests()
	p.visit(s.url() + "?topic=" + strings.Repeat("x", 300))
	p.waitText("#notice", "Invalid topic name")
	p.waitEvents(countdown(4))
}
