package dashboard_test

import (
	"net/http"
	"strings"
	"testing"
)

// startPrefixProxy starts a proxy that serves a site below a path prefix only.
func startPrefixProxy(t *testing.T, s *site, prefix string) (address string) {
	t.Helper()
	proxy, mux := s.proxy(), http.NewServeMux()
	mux.Handle(prefix+"/", http.StripPrefix(prefix, proxy))
	mux.HandleFunc(prefix, func(w http.ResponseWriter, r *http.Request) { // without the usual redirect
		r.URL.Path = "/"
		proxy.ServeHTTP(w, r)
	})
	return serve(t, mux).URL + prefix
}

// checkBelow checks that each request of a tab went to an address below prefix.
func (p *tab) checkBelow(prefix string) {
	p.t.Helper()
	for _, request := range p.sent() {
		_, address, _ := strings.Cut(request, " ")
		if !strings.HasPrefix(address, prefix) && !strings.HasPrefix(address, "data:") {
			p.t.Errorf("requested %s, want an address below %s", address, prefix)
		}
	}
}

func TestPage_WorksBelowAPathPrefix(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	address := startPrefixProxy(t, s, "/tools/eventagg")
	for _, path := range []string{"/", "", "?topic=t"} {
		p := open(t, address+path)
		p.waitText("#connection", "Live")
		s.publish(numbered("t", "e", 0, 3)...)
		p.waitEvents(countdown(3))
		if got := p.text("#curl"); got != "" && !strings.Contains(got, address+"/publish") {
			t.Errorf("the page shows %s", got)
		}
		p.checkBelow(address)
	}
}

func TestDocs_WorkBelowAPathPrefix(t *testing.T) {
	t.Parallel()
	s := startSite(t)
	s.publish(numbered("t", "e", 0, 3)...)
	address := startPrefixProxy(t, s, "/tools/eventagg")
	p := open(t, address+"/docs")
	p.click("#operations-Read-stats button.opblock-summary-control")
	p.click("#operations-Read-stats .try-out__btn")
	p.click("#operations-Read-stats .execute")
	p.waitText("#operations-Read-stats .live-responses-table", `"unique_processed": 3`)
	p.until("Swagger UI requests the totals below the prefix", func() bool {
		return strings.Contains(strings.Join(p.requests, "\n"), address+"/stats\n") || strings.HasSuffix(strings.Join(p.requests, "\n"), address+"/stats")
	})
	p.checkBelow(address)

	guides := open(t, address+"/docs/")
	guides.wait("document.links.length > 5")
	links := eval[[]string](guides, "[...document.links].map((link) => link.href.replace(/#.*/, '')).filter((link) => link.startsWith(location.origin))")
	for _, link := range links {
		if !strings.HasPrefix(link, address) {
			t.Errorf("the guides link to %s, want an address below %s", link, address)
		}
	}
	guides.checkBelow(address)
}
